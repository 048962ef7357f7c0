import { performance } from 'node:perf_hooks';

/**
 * Time as a thing that is handed in, so that a test can move it. Wall time (`now`) may jump and is for what people or
 * other machines read; intervals are measured with `monotonic`, which never goes back.
 */
export interface Clock {
  /** Wall time in milliseconds since the epoch. */
  now(): number;
  /** Milliseconds since an arbitrary start; never goes back, whatever happens to the wall clock. */
  monotonic(): number;
  /** Resolves after `durationMs`; rejects with the signal's reason when that aborts first. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
  /** Calls back once after `durationMs`, unless disposed before. */
  timer(durationMs: number, callback: () => void): Disposable;
}

/** setTimeout fires at once for anything above this (a 32-bit int), so longer waits are cut to it. */
const maxTimerMs = 2 ** 31 - 1;

/** The machine's own clock. Its timers keep the process alive, as whoever waits for them expects. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  timer: (durationMs, callback) => {
    const handle = setTimeout(callback, Math.min(Math.max(durationMs, 0), maxTimerMs));
    return { [Symbol.dispose]: () => clearTimeout(handle) };
  },
  sleep: (durationMs, signal) => sleepOn(systemClock, durationMs, signal),
};

/** `sleep` in terms of `timer`, for every clock: the listener and the timer are gone whichever of the two ends it. */
export function sleepOn(clock: Pick<Clock, 'timer'>, durationMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      timer[Symbol.dispose]();
      reject(signal?.reason);
    };
    const timer = clock.timer(durationMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
