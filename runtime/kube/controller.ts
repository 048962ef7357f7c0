import type { Registry } from 'prom-client';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { WorkQueue } from './queue.ts';

/** What a reconcile says about what happens next. */
export type Result =
  /** As wanted; next time something changes. */
  | { readonly type: 'done' }
  /** Look again after this time, even if nothing changes. */
  | { readonly type: 'requeue'; readonly afterMs: number }
  /** Something else must change first, and its event will bring the key back. `reason` is for the log. */
  | { readonly type: 'wait'; readonly reason: string }
  /** Trying again cannot help until the object is changed: logged and counted, not retried. */
  | { readonly type: 'stop'; readonly error: Error };

export declare const done: Result;
export declare function requeueAfter(afterMs: number): Result;
export declare function wait(reason: string): Result;
export declare function stop(error: Error): Result;

/** Thrown from deep inside a reconcile: the same as returning `stop(error)`. */
export declare class TerminalError extends Error {
  constructor(cause: Error);
}

/** Metrics of all controllers of a process, by label `controller`. */
export declare class ControllerMetrics {
  constructor(registry: Registry);
}

export interface ControllerOptions {
  readonly name: string;
  readonly queue: WorkQueue;
  /** Makes the world as the key's object says. Thrown errors are retried with backoff, unless their type says otherwise. */
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<Result>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ControllerMetrics;
  /** Keys worked on at once; 1 by default. */
  readonly workers?: number;
  /** A reconcile that takes longer is aborted and retried; 60 s by default. */
  readonly reconcileLimitMs?: number;
  /** After keys were refused by a full queue: every key there is, asked once the queue has room again. */
  readonly allKeys?: () => Iterable<string>;
}

export declare class Controller {
  constructor(options: ControllerOptions);
  start(): void;
  /** Closes the queue, aborts running reconciles and waits for them to end. */
  stop(): Promise<void>;
}
