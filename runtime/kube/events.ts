import { Counter, type Registry } from 'prom-client';
import { LinkedAbort } from '../cancel.ts';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { KubeClient } from './client.ts';
import { type EventDraft, type EventReporter, eventKey, eventObject, events, type KubeEvent } from './event-object.ts';
import { isKubeError } from './kube-error.ts';
import { toMicroTime } from './micro-time.ts';
import { TokenBucket } from './token-bucket.ts';

export interface EventRecorderOptions {
  readonly client: KubeClient;
  readonly reporter: EventReporter;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
}

/** Events that wait to be written, and events that are remembered to count their repetitions; the oldest go first. */
const maxPending = 1000;
const maxRemembered = 4096;
/** client-go's: after this long without it, the same event is a new one. */
const seriesEndsMs = 6 * 60_000;
/** Of one object: 25 at once, then one in five minutes (client-go's spam filter). */
const perObject = { perSecond: 1 / 300, burst: 25 };
/** Of all: what an operator may add to the load of an API server that is in trouble already. */
const inAll = { perSecond: 5, burst: 50 };
/** A repetition is written after this, with all that came meanwhile. */
const repeatDelayMs = 10_000;

const results = ['created', 'repeated', 'dropped', 'failed'] as const;

/** Writes Events in the background: the same event again becomes a series; too many are dropped, and counted. */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #total: Counter<'result'>;
  readonly #remembered = new Map<string, Remembered>();
  readonly #objectBuckets = new Map<string, TokenBucket>();
  readonly #bucket: TokenBucket;
  readonly #pending = new Set<Remembered>();
  readonly #timers = new Map<Remembered, Disposable>();
  readonly #aborting = new LinkedAbort();
  #writing: Promise<void> | undefined;
  #stopped = false;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#bucket = new TokenBucket(options.clock, inAll.perSecond, inAll.burst);
    this.#total = new Counter({
      name: 'kube_events_total',
      help: 'Events by what became of them: created, repeated (counted in an earlier one), dropped, failed.',
      labelNames: ['result'],
      registers: [options.registry],
    });
    for (const result of results) this.#total.inc({ result }, 0);
  }

  /** Never waits, never throws. */
  record(draft: EventDraft): void {
    const nowMs = this.#options.clock.monotonic();
    const key = eventKey(draft);
    const known = this.#remembered.get(key);
    if (this.#stopped || !this.#objectBucket(draft.regarding.uid).tryTake()) {
      this.#total.inc({ result: 'dropped' });
    } else if (known !== undefined && nowMs - known.lastMs < seriesEndsMs) {
      this.#repeat(known, nowMs);
    } else {
      const event: Remembered = { draft, count: 1, lastMs: nowMs, written: undefined };
      remember(this.#remembered, key, event);
      this.#enqueue(event);
    }
  }

  /** Writes what is waiting, until the signal aborts. Nothing is taken afterwards. */
  async stop(signal?: AbortSignal): Promise<void> {
    this.#stopped = true;
    for (const [event, timer] of this.#timers) {
      timer[Symbol.dispose]();
      this.#enqueue(event);
    }
    this.#timers.clear();
    const onAbort = () => this.#aborting.abort(signal?.reason);
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    await this.#writing;
    signal?.removeEventListener('abort', onAbort);
  }

  #repeat(event: Remembered, nowMs: number): void {
    event.count += 1;
    event.lastMs = nowMs;
    if (this.#timers.has(event) || this.#pending.has(event)) return;
    const timer = this.#options.clock.timer(repeatDelayMs, () => {
      this.#timers.delete(event);
      this.#enqueue(event);
    });
    this.#timers.set(event, timer);
  }

  #enqueue(event: Remembered): void {
    if (this.#pending.size >= maxPending) {
      this.#total.inc({ result: 'dropped' });
      return;
    }
    this.#pending.add(event);
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  async #writeAll(): Promise<void> {
    const { clock, logger } = this.#options;
    const { signal } = this.#aborting;
    for (const event of this.#pending) {
      this.#pending.delete(event);
      try {
        const waitMs = this.#bucket.reserveMs();
        if (waitMs > 0) await clock.sleep(waitMs, signal);
        await this.#write(event, signal);
      } catch (error) {
        // An Event is a courtesy: what it says is in the status too. Its namespace may be going away, for one.
        this.#total.inc({ result: 'failed' });
        logger.warn({ reason: messageOf(error), event: event.draft }, 'cannot write event');
      }
    }
  }

  async #write(event: Remembered, signal: AbortSignal): Promise<void> {
    const { client, clock, reporter } = this.#options;
    if (event.written !== undefined && event.count > 1) {
      const series = { count: event.count, lastObservedTime: toMicroTime(clock.now()) };
      try {
        await client.mergePatch(events, event.written.metadata, { series }, { signal });
        this.#total.inc({ result: 'repeated' });
        return;
      } catch (error) {
        if (!isKubeError(error, 'NotFound')) throw error; // Events live for an hour; then it is written anew
      }
    }
    event.written = await client.create(events, eventObject(event.draft, reporter, clock.now()), { signal });
    event.count = 1;
    this.#total.inc({ result: 'created' });
  }

  #objectBucket(uid: string): TokenBucket {
    const known = this.#objectBuckets.get(uid);
    if (known !== undefined) return known;
    const bucket = new TokenBucket(this.#options.clock, perObject.perSecond, perObject.burst);
    remember(this.#objectBuckets, uid, bucket);
    return bucket;
  }
}

interface Remembered {
  readonly draft: EventDraft;
  count: number;
  /** Monotonic. */
  lastMs: number;
  written: KubeEvent | undefined;
}

/** Sets the newest entry; forgets the oldest beyond the limit. */
function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > maxRemembered && oldest !== undefined) map.delete(oldest);
}
