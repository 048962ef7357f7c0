import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';

export interface LifecycleOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  /** All stop steps together must end within this, else the process exits anyway, with code 1. */
  readonly stopLimitMs: number;
  /** Where signals and unhandled errors come from; a fake in tests. */
  readonly process?: Pick<NodeJS.Process, 'on' | 'off'>;
}

/** Start to exit of one process: main registers what it opened, in order, and awaits `run`. */
export declare class Lifecycle {
  constructor(options: LifecycleOptions);
  /** Aborts on SIGTERM, SIGINT, `stop` or `fail`: whatever waits hands this on. */
  readonly signal: AbortSignal;
  /** A step of stopping; the last registered runs first. `signal` aborts when the time is up. */
  onStop(name: string, step: (signal: AbortSignal) => void | Promise<void>): void;
  /** An orderly end, exit code 0. */
  stop(reason: string): void;
  /** An orderly end because something that must run has failed; exit code 1. The first failure is kept. */
  fail(error: unknown): void;
  /** Resolves with the exit code once everything has stopped (or the limit has passed). Main sets process.exitCode. */
  run(): Promise<number>;
}
