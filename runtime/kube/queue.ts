import type { Registry } from 'prom-client';
import type { Clock } from '../clock.ts';

/** Metrics of all queues of a process, by label `name`. */
export declare class QueueMetrics {
  constructor(registry: Registry);
}

export interface WorkQueueOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly metrics: QueueMetrics;
  /** Distinct keys waiting, in all. 100,000 by default. A key beyond it is refused (and counted). */
  readonly maxKeys?: number;
  /** Waits of a key that fails again and again: 5 ms to 5 min by default. */
  readonly backoff?: { readonly minMs: number; readonly maxMs: number };
  /** Retries of all keys together: 10 per second, 100 at once by default. */
  readonly bucket?: { readonly perSecond: number; readonly burst: number };
}

/**
 * Keys to work on. A key waits at most once, however often it is added, and is worked on by one at a time: added while
 * it is being worked on, it comes back after `done`. The key is the whole message.
 */
export declare class WorkQueue {
  constructor(options: WorkQueueOptions);
  /** False when the queue is full or closed. */
  add(key: string): boolean;
  /** The earliest of several `addAfter` counts. */
  addAfter(key: string, delayMs: number): boolean;
  /** Adds after this key's backoff and the bucket. */
  addRateLimited(key: string): boolean;
  /** The key worked: its backoff starts anew. */
  forget(key: string): void;
  /** The next key; undefined once the queue is closed. */
  take(): Promise<string | undefined>;
  done(key: string): void;
  /** Nothing is handed out any more; whoever waits in `take` gets undefined. */
  close(): void;
  /** Keys ready to be taken. */
  get depth(): number;
}
