import type { Clock } from '../clock.ts';
import type { BoundQueueMetrics, QueueMetrics } from './queue-metrics.ts';
import { TokenBucket } from './token-bucket.ts';

export interface WorkQueueOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly metrics: QueueMetrics;
  /** Distinct keys ready or delayed, in all; 100,000 by default. A key beyond it is refused, and counted. */
  readonly maxKeys?: number;
  /** Waits of a key that fails again and again: 5 ms doubled up to 5 min by default. */
  readonly backoff?: { readonly minMs: number; readonly maxMs: number };
  /** Retries of all keys together: 10 per second, 100 at once by default. */
  readonly bucket?: { readonly perSecond: number; readonly burst: number };
}

/** 5,000 nodes and 10,000 BPFs are far below it. */
const defaultMaxKeys = 100_000;
/** As client-go's default controller rate limiter, but for a maximum that a person can wait for. */
const defaultBackoff = { minMs: 5, maxMs: 300_000 };
const defaultBucket = { perSecond: 10, burst: 100 };

/**
 * Keys to work on. A key waits at most once, however often it is added, and is worked on by one at a time: added while
 * it is being worked on, it comes back after `done`. The key is the whole message: who takes it looks at the state.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #metrics: BoundQueueMetrics;
  readonly #maxKeys: number;
  readonly #backoff: { readonly minMs: number; readonly maxMs: number };
  readonly #bucket: TokenBucket;
  /** Key to when it became ready; a Map keeps their order. */
  readonly #ready = new Map<string, number>();
  readonly #delayed = new Map<string, { readonly dueAtMs: number; readonly timer: Disposable }>();
  /** Keys taken and not done, with when they were taken and whether they were added again since. */
  readonly #working = new Map<string, { readonly takenAtMs: number; again: boolean }>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #closed = false;

  constructor(options: WorkQueueOptions) {
    this.#clock = options.clock;
    this.#metrics = options.metrics.for(options.name);
    this.#maxKeys = options.maxKeys ?? defaultMaxKeys;
    this.#backoff = options.backoff ?? defaultBackoff;
    const { perSecond, burst } = options.bucket ?? defaultBucket;
    this.#bucket = new TokenBucket(options.clock, perSecond, burst);
  }

  /** False when the queue is full or closed. */
  add(key: string): boolean {
    if (this.#closed) return false;
    const working = this.#working.get(key);
    if (working !== undefined) working.again = true;
    if (working !== undefined || this.#ready.has(key)) return true;
    if (!this.#delayed.has(key) && this.#full()) return false;
    this.#makeReady(key);
    return true;
  }

  /** The earliest of several `addAfter` counts. */
  addAfter(key: string, delayMs: number): boolean {
    if (delayMs <= 0) return this.add(key);
    if (this.#closed) return false;
    const dueAtMs = this.#clock.monotonic() + delayMs;
    const earlier = this.#delayed.get(key);
    if (earlier !== undefined && earlier.dueAtMs <= dueAtMs) return true;
    if (earlier === undefined && this.#full()) return false;
    earlier?.timer[Symbol.dispose]();
    const timer = this.#clock.timer(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { dueAtMs, timer });
    return true;
  }

  /** Adds after this key's backoff, and not before the bucket has a token. */
  addRateLimited(key: string): boolean {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, Math.min(failures + 1, maxDoublings));
    this.#metrics.retry();
    const backoffMs = Math.min(this.#backoff.minMs * 2 ** failures, this.#backoff.maxMs);
    return this.addAfter(key, Math.max(backoffMs, this.#bucket.reserveMs()));
  }

  /** The key worked: its backoff starts anew. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key; undefined once the queue is closed. */
  take(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#takers.push(resolve);
      this.#handOut();
    });
  }

  /** Whoever took the key has finished with it, well or not. */
  done(key: string): void {
    const working = this.#working.get(key);
    if (working === undefined) return;
    this.#working.delete(key);
    this.#metrics.worked(this.#clock.monotonic() - working.takenAtMs);
    if (working.again && !this.#closed) this.#makeReady(key);
  }

  /** Nothing is handed out any more; whoever waits in `take` gets undefined. */
  close(): void {
    this.#closed = true;
    for (const { timer } of this.#delayed.values()) timer[Symbol.dispose]();
    this.#delayed.clear();
    this.#ready.clear();
    this.#metrics.depth(0);
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  /** Keys ready to be taken. */
  get depth(): number {
    return this.#ready.size;
  }

  /** Keys held, ready or delayed. */
  get size(): number {
    return this.#ready.size + this.#delayed.size;
  }

  get maxKeys(): number {
    return this.#maxKeys;
  }

  #full(): boolean {
    if (this.size < this.#maxKeys) return false;
    this.#metrics.refused();
    return true;
  }

  #makeReady(key: string): void {
    this.#ready.set(key, this.#clock.monotonic());
    this.#metrics.add();
    this.#handOut();
  }

  #handOut(): void {
    while (this.#takers.length > 0) {
      const [next] = this.#ready;
      if (next === undefined) break;
      const [key, readyAtMs] = next;
      const nowMs = this.#clock.monotonic();
      this.#ready.delete(key);
      this.#working.set(key, { takenAtMs: nowMs, again: false });
      this.#metrics.waited(nowMs - readyAtMs);
      this.#takers.shift()?.(key);
    }
    this.#metrics.depth(this.#ready.size);
  }
}

/** Beyond this the backoff has long reached its maximum. */
const maxDoublings = 60;
