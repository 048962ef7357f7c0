import { Worker } from 'node:worker_threads';

export interface WatchdogOptions {
  /** The event loop may stand still for this long. */
  readonly limitMs: number;
  /** Said on standard error before the process is killed. */
  readonly message: string;
}

/** Heartbeats per limit: one may come late without harm. */
const beatsPerLimit = 5;

/**
 * Runs in the worker, given as text because the bundle is one file. A blocked main thread cannot exit, nor even notice
 * that it is late, so the kernel is asked: SIGKILL.
 */
const workerSource = `
const { workerData } = process.getBuiltinModule('node:worker_threads');
const { writeSync } = process.getBuiltinModule('node:fs');
const beats = new Int32Array(workerData.memory);
for (let seen = 0; seen >= 0; seen = Atomics.load(beats, 0)) {
  if (Atomics.wait(beats, 0, seen, workerData.limitMs) !== 'timed-out') continue;
  if (Atomics.load(beats, 0) !== seen) continue;
  writeSync(2, workerData.message + '\\n');
  process.kill(process.pid, 'SIGKILL');
}`;

/** Kills the process when its event loop stands still for longer than the limit. Disposing ends the watch. */
export function startWatchdog(options: WatchdogOptions): Disposable {
  const memory = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const beats = new Int32Array(memory);
  const worker = new Worker(workerSource, { eval: true, workerData: { ...options, memory }, execArgv: [] });
  worker.unref();
  const timer = setInterval(() => beat(beats, (Atomics.load(beats, 0) + 1) & maxBeat), options.limitMs / beatsPerLimit);
  timer.unref();
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      beat(beats, stopBeat);
    },
  };
}

/** Beats count round within the positive numbers; a negative one ends the worker. */
const maxBeat = 0x7fffffff;
const stopBeat = -1;

function beat(beats: Int32Array, value: number): void {
  Atomics.store(beats, 0, value);
  Atomics.notify(beats, 0);
}
