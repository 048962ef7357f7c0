import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Clock, sleepOn } from '../../runtime/clock.ts';

interface PendingTimer {
  readonly dueAtMs: number;
  readonly callback: () => void;
  /** Somebody sleeps until then; else it is a limit on something that is under way. */
  readonly sleep: boolean;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  readonly #timers = new Set<PendingTimer>();
  #monotonicMs = 0;
  #wallOffsetMs: number;

  /** Wall time at the start. */
  constructor(nowMs: number = Date.UTC(2026, 0, 1)) {
    this.#wallOffsetMs = nowMs;
  }

  now(): number {
    return this.#wallOffsetMs + this.#monotonicMs;
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return sleepOn({ timer: (ms, callback) => this.#add(ms, callback, true) }, durationMs, signal);
  }

  timer(durationMs: number, callback: () => void): Disposable {
    return this.#add(durationMs, callback, false);
  }

  /** Only the wall clock: somebody set it. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** Fires what falls due, in order, letting what each timer started run before the next one. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#monotonicMs + durationMs;
    for (;;) {
      const next = this.#earliest();
      if (next === undefined || next.dueAtMs > endMs) break;
      this.#monotonicMs = next.dueAtMs;
      this.#timers.delete(next);
      next.callback();
      await settle();
    }
    this.#monotonicMs = endMs;
    await settle();
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** How long until the earliest timer; undefined when none waits. */
  get nextMs(): number | undefined {
    const next = this.#earliest();
    return next === undefined ? undefined : next.dueAtMs - this.#monotonicMs;
  }

  /** How long each of those sleeps that called `sleep`, shortest first. */
  get sleepsMs(): number[] {
    const sleeps = [...this.#timers].filter((timer) => timer.sleep);
    return sleeps.map((timer) => timer.dueAtMs - this.#monotonicMs).sort((a, b) => a - b);
  }

  #add(durationMs: number, callback: () => void, sleep: boolean): Disposable {
    const timer = { dueAtMs: this.#monotonicMs + Math.max(durationMs, 0), callback, sleep };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => this.#timers.delete(timer) };
  }

  #earliest(): PendingTimer | undefined {
    let earliest: PendingTimer | undefined;
    for (const timer of this.#timers) if (earliest === undefined || timer.dueAtMs < earliest.dueAtMs) earliest = timer;
    return earliest;
  }
}

/** Lets promise jobs and immediates that are ready run; sockets may take longer: wait for a condition there. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await nextTurn();
}
