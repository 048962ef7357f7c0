import { AssertionError } from 'node:assert';
import { Deadline, LinkedAbort, StoppedError } from '../cancel.ts';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { BoundControllerMetrics, ControllerMetrics, Outcome } from './controller-metrics.ts';
import { isKubeError } from './kube-error.ts';
import type { WorkQueue } from './queue.ts';
import { type Result, TerminalError } from './result.ts';

export interface ControllerOptions {
  readonly name: string;
  readonly queue: WorkQueue;
  /** Makes the world as the key's object says. A thrown error's type says what happens next, as `nextAfter` has it. */
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<Result>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ControllerMetrics;
  /** Keys worked on at once; 1 by default. */
  readonly workers?: number;
  /** A reconcile that takes longer is aborted by its signal, and tried again; 60 s by default. */
  readonly reconcileLimitMs?: number;
  /** Every key there is. After the queue was full and had to refuse keys, all are added once it has room again. */
  readonly allKeys?: () => Iterable<string>;
}

/** Two calls at their own deadline of 30 s. */
const defaultReconcileLimitMs = 60_000;

/** Takes keys from its queue and reconciles them, a few at once, never one key twice at once. */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #metrics: BoundControllerMetrics;
  readonly #stopping = new LinkedAbort();
  #workers: Promise<void>[] = [];
  #overflowed = false;
  /** What is left of a look at everything that did not fit at once. */
  #unseen: Iterator<string> | undefined;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#metrics = options.metrics.for(options.name);
  }

  /** Adds the key, and remembers when the queue had no room for it. */
  enqueue(key: string): void {
    if (!this.#options.queue.add(key) && !this.#stopping.signal.aborted) this.#overflow();
  }

  /** As `enqueue`, after a time. */
  enqueueAfter(key: string, delayMs: number): void {
    if (!this.#options.queue.addAfter(key, delayMs) && !this.#stopping.signal.aborted) this.#overflow();
  }

  start(): void {
    if (this.#workers.length > 0 || this.#stopping.signal.aborted) return;
    this.#workers = Array.from({ length: this.#options.workers ?? 1 }, () => this.#work());
  }

  /** Closes the queue, aborts running reconciles and waits for them to end. */
  async stop(): Promise<void> {
    this.#stopping.abort(new StoppedError(`controller ${this.#options.name}`));
    this.#options.queue.close();
    await Promise.all(this.#workers);
  }

  async #work(): Promise<void> {
    const { queue } = this.#options;
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      await this.#reconcile(key);
      queue.done(key);
      if (queue.size < queue.maxKeys / 2) this.#resync();
    }
  }

  async #reconcile(key: string): Promise<void> {
    const { name, clock, reconcile, reconcileLimitMs = defaultReconcileLimitMs } = this.#options;
    const startMs = clock.monotonic();
    this.#metrics.started();
    using limit = new Deadline(clock, `${name} ${key}`, reconcileLimitMs, this.#stopping.signal);
    let next: Next;
    try {
      next = nextAfterResult(await reconcile(key, limit.signal));
    } catch (thrown) {
      next = this.#stopping.signal.aborted ? { outcome: 'done', retry: 'no' } : nextAfterThrown(thrown);
    }
    this.#metrics.ended(next.outcome, clock.monotonic() - startMs);
    this.#log(key, next);
    this.#requeue(key, next);
  }

  #requeue(key: string, next: Next): void {
    const { queue } = this.#options;
    if (next.retry !== 'backoff') queue.forget(key);
    if (next.retry === 'no' || this.#stopping.signal.aborted) return;
    const added = next.retry === 'backoff' ? queue.addRateLimited(key) : queue.addAfter(key, next.retry.afterMs);
    if (!added) this.#overflow();
  }

  #log(key: string, next: Next): void {
    const { name, logger } = this.#options;
    const facts = { controller: name, key, result: next.outcome };
    if (next.outcome === 'wait') logger.debug({ ...facts, reason: next.reason }, 'reconcile waits');
    else if (next.outcome === 'conflict') logger.debug({ ...facts, reason: messageOf(next.error) }, 'reconcile again');
    else if (next.error !== undefined) logger.error({ ...facts, err: next.error }, 'reconcile failed');
  }

  #overflow(): void {
    if (!this.#overflowed) this.#options.logger.error({ controller: this.#options.name }, 'work queue is full');
    this.#overflowed = true;
  }

  /** After an overflow: every key, as many at a time as there is room for. */
  #resync(): void {
    if (this.#overflowed && this.#unseen === undefined) {
      this.#overflowed = false;
      this.#unseen = (this.#options.allKeys?.() ?? [])[Symbol.iterator]();
    }
    const { queue } = this.#options;
    while (this.#unseen !== undefined && queue.size < queue.maxKeys) {
      const next = this.#unseen.next();
      if (next.done === true) this.#unseen = undefined;
      else this.enqueue(next.value);
    }
  }
}

interface Next {
  readonly outcome: Outcome;
  readonly retry: 'no' | 'backoff' | { readonly afterMs: number };
  readonly reason?: string;
  readonly error?: unknown;
}

function nextAfterResult(result: Result): Next {
  switch (result.type) {
    case 'done':
      return { outcome: 'done', retry: 'no' };
    case 'requeue':
      return { outcome: 'requeue', retry: { afterMs: result.afterMs } };
    case 'wait':
      return { outcome: 'wait', retry: 'no', reason: result.reason };
    case 'stop':
      return { outcome: 'stop', retry: 'no', error: result.error };
  }
}

/** The error's type says what happens next (style rule 10); this is the one place that reads it. */
function nextAfterThrown(error: unknown): Next {
  if (error instanceof TerminalError) return { outcome: 'stop', retry: 'no', error: error.cause };
  if (isPanic(error)) return { outcome: 'panic', retry: 'backoff', error };
  if (isKubeError(error, 'Conflict', 'AlreadyExists')) return { outcome: 'conflict', retry: 'backoff', error };
  const retryAfterMs = isKubeError(error) ? error.facts.retryAfterMs : undefined;
  return { outcome: 'error', retry: retryAfterMs === undefined ? 'backoff' : { afterMs: retryAfterMs }, error };
}

/** A mistake in our own code, as against the world not being as it should. */
function isPanic(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return true;
  return [TypeError, RangeError, ReferenceError, SyntaxError, AssertionError].some((kind) => thrown instanceof kind);
}
