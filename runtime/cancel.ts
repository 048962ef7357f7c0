import type { Clock } from './clock.ts';
import { CodedError } from './errors.ts';

/** Something took longer than it was allowed to. */
export class DeadlineError extends CodedError<'DeadlineExceeded', { what: string; limitMs: number }> {
  constructor(what: string, limitMs: number) {
    super('DeadlineExceeded', `${what}: no answer within ${limitMs / 1000} s`, { what, limitMs });
  }
}

/** The reason of a signal that aborted because its owner is stopping: not a failure, nobody logs it. */
export class StoppedError extends CodedError<'Stopped', { what: string }> {
  constructor(what: string) {
    super('Stopped', `${what}: stopped`, { what });
  }
}

/**
 * An AbortController that also aborts with its parents. Disposing takes its listeners off the parents, so that a signal
 * that lives as long as the process does not collect one per call (which is why this is not AbortSignal.any).
 */
export class LinkedAbort implements Disposable {
  readonly #controller = new AbortController();
  readonly #unlink: (() => void)[] = [];

  constructor(...parents: readonly (AbortSignal | undefined)[]) {
    for (const parent of parents) {
      if (parent === undefined) continue;
      if (parent.aborted) {
        this.abort(parent.reason);
        break;
      }
      const onAbort = () => this.abort(parent.reason);
      parent.addEventListener('abort', onAbort, { once: true });
      this.#unlink.push(() => parent.removeEventListener('abort', onAbort));
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
    this[Symbol.dispose]();
  }

  /** Unlinks from the parents without aborting. */
  [Symbol.dispose](): void {
    for (const unlink of this.#unlink.splice(0)) unlink();
  }
}

/** A LinkedAbort that also aborts, with a DeadlineError, after a time. */
export class Deadline implements Disposable {
  readonly #linked: LinkedAbort;
  readonly #timer: Disposable;

  constructor(clock: Clock, what: string, limitMs: number, ...parents: readonly (AbortSignal | undefined)[]) {
    this.#linked = new LinkedAbort(...parents);
    this.#timer = clock.timer(limitMs, () => this.#linked.abort(new DeadlineError(what, limitMs)));
  }

  get signal(): AbortSignal {
    return this.#linked.signal;
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
    this.#linked[Symbol.dispose]();
  }
}

/** The promise, or the signal's reason as soon as that aborts. The promise's own late failure is then nobody's. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    const settle = () => signal.removeEventListener('abort', onAbort);
    promise.then(
      (value) => {
        settle();
        resolve(value);
      },
      (error: unknown) => {
        settle();
        reject(error);
      },
    );
  });
}
