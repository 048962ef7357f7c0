export interface BackoffLimits {
  /** The shortest wait, and the size of the first step. */
  readonly minMs: number;
  /** The longest wait. */
  readonly maxMs: number;
}

/**
 * Exponential backoff with full jitter: wait n is uniform in [minMs, min(maxMs, minMs × 2^n)]. Jitter over the whole
 * range, not around its end, is what spreads clients that all lost the same server at the same moment
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
export class Backoff {
  readonly #limits: BackoffLimits;
  readonly #random: () => number;
  #failures = 0;

  constructor(limits: BackoffLimits, random: () => number = Math.random) {
    this.#limits = limits;
    this.#random = random;
  }

  /** Counts one more failure; how long to wait now, in milliseconds. */
  nextMs(): number {
    const { minMs, maxMs } = this.#limits;
    this.#failures = Math.min(this.#failures + 1, maxDoublings);
    const ceilingMs = Math.min(maxMs, minMs * 2 ** this.#failures);
    return minMs + this.#random() * (ceilingMs - minMs);
  }

  /** It worked: the next failure starts from the shortest wait again. */
  reset(): void {
    this.#failures = 0;
  }
}

/** Beyond this 2^n says nothing new and would become Infinity. */
const maxDoublings = 60;
