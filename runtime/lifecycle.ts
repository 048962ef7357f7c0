import { abortable, Deadline, LinkedAbort, StoppedError } from './cancel.ts';
import type { Clock } from './clock.ts';
import { messageOf } from './errors.ts';
import type { Logger } from './logger.ts';

export interface LifecycleOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  /** All stop steps together must end within this; what has not by then is left, and the exit code is 1. */
  readonly stopLimitMs: number;
  /** Where signals and unhandled errors come from; a fake in tests. */
  readonly process?: ProcessEvents;
}

export type ProcessEvents = Pick<NodeJS.Process, 'on' | 'off'>;

const signals = ['SIGTERM', 'SIGINT'] as const;
const faults = ['uncaughtException', 'unhandledRejection'] as const;

/** Start to exit of one process: main registers what it opened, in order, and awaits `run`. */
export class Lifecycle {
  readonly #options: LifecycleOptions;
  readonly #process: ProcessEvents;
  readonly #stopping = new LinkedAbort();
  readonly #steps: { readonly name: string; readonly step: StopStep }[] = [];
  readonly #onSignal = (name: string) => this.stop(name);
  readonly #onFault = (error: unknown) => this.fail(error);
  #exitCode = 0;

  constructor(options: LifecycleOptions) {
    this.#options = options;
    this.#process = options.process ?? process;
    for (const name of signals) this.#process.on(name, this.#onSignal);
    for (const name of faults) this.#process.on(name, this.#onFault);
  }

  /** Aborts on SIGTERM, SIGINT, `stop` or `fail`: whatever waits hands this on. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  /** A step of stopping; the last registered runs first. `signal` aborts when the time is up. */
  onStop(name: string, step: StopStep): void {
    this.#steps.push({ name, step });
  }

  /** An orderly end, exit code 0. */
  stop(reason: string): void {
    if (this.signal.aborted) return;
    this.#options.logger.info({ reason }, 'stopping');
    this.#stopping.abort(new StoppedError('process'));
  }

  /** An orderly end because something that must run has failed; exit code 1. Every failure is logged. */
  fail(error: unknown): void {
    this.#exitCode = 1;
    this.#options.logger.fatal({ err: error }, messageOf(error));
    this.#stopping.abort(new StoppedError('process'));
  }

  /** Resolves with the exit code once everything has stopped, or the limit has passed. Main exits with it. */
  async run(): Promise<number> {
    if (!this.signal.aborted) {
      await new Promise<void>((resolve) => this.signal.addEventListener('abort', () => resolve(), { once: true }));
    }
    const { clock, stopLimitMs, logger } = this.#options;
    using deadline = new Deadline(clock, 'stop', stopLimitMs);
    for (const { name, step } of this.#steps.toReversed()) {
      try {
        await abortable(Promise.resolve(step(deadline.signal)), deadline.signal);
        logger.debug({ step: name }, 'stopped');
      } catch (error) {
        this.#exitCode = 1;
        logger.error({ err: error, step: name }, 'cannot stop');
      }
    }
    for (const name of signals) this.#process.off(name, this.#onSignal);
    for (const name of faults) this.#process.off(name, this.#onFault);
    return this.#exitCode;
  }
}

export type StopStep = (signal: AbortSignal) => void | Promise<void>;
