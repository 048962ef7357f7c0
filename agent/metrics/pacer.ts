import { setImmediate, setTimeout } from 'node:timers/promises';

/** The render's time is spent; what is not written yet is left out. */
export class BudgetSpent extends Error {
  override readonly name = 'BudgetSpent';
}

/** Between two checks of `due` lies a small read or a few hundred lines: together less than the 10 ms that we promise. */
const sliceMs = 4;

/** Keeps a long render from holding up the event loop, and ends it when its time is over or nobody waits any more. */
export class Pacer {
  readonly #signal: AbortSignal;
  readonly #now: () => number;
  readonly #deadline: number;
  #sliceEnd: number;

  /** `now` and `deadline` in milliseconds of one monotonic clock. */
  constructor(signal: AbortSignal, now: () => number, deadline: number) {
    this.#signal = signal;
    this.#now = now;
    this.#deadline = deadline;
    this.#sliceEnd = now() + sliceMs;
  }

  /** Whether others should have their turn now. */
  due(): boolean {
    return this.#now() >= this.#sliceEnd;
  }

  get aborted(): boolean {
    return this.#signal.aborted;
  }

  /** Throws BudgetSpent after the deadline, and the signal's reason once that aborted. */
  check(): void {
    this.#signal.throwIfAborted();
    if (this.#now() >= this.#deadline) throw new BudgetSpent('the time for this scrape is over');
  }

  /** Waits for what does not reject, but no longer than so, nor beyond the deadline. Throws as `check`. */
  async wait(what: Promise<unknown>, limitMs: number): Promise<void> {
    const over = new AbortController();
    const leftMs = Math.max(0, Math.min(limitMs, this.#deadline - this.#now()));
    try {
      await Promise.race([
        what,
        setTimeout(leftMs, undefined, { signal: AbortSignal.any([this.#signal, over.signal]) }),
      ]);
    } catch (thrown) {
      if (!this.#signal.aborted) throw thrown;
    } finally {
      over.abort();
    }
    this.check();
    this.#sliceEnd = this.#now() + sliceMs;
  }

  async pause(): Promise<void> {
    this.check();
    await setImmediate();
    this.check();
    this.#sliceEnd = this.#now() + sliceMs;
  }
}
