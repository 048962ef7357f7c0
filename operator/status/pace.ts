import type { Clock } from '../../runtime/clock.ts';
import { TokenBucket } from '../../runtime/kube/token-bucket.ts';

/**
 * A status is written at once while little happens, and every 2 s in a rollout over thousands of nodes. Six at once, so
 * that a person who edits and mends sees each step (accepted, failed, accepted, ready) as it comes.
 */
const perBpf = { perSecond: 0.5, burst: 6 };
/** Of all BPFs together: what aggregation may cost the API server. */
const inAll = { perSecond: 20, burst: 20 };

/** When a status may be written. */
export class Pace {
  readonly #clock: Clock;
  readonly #all: TokenBucket;
  readonly #buckets = new Map<string, { readonly bucket: TokenBucket; dueAtMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#all = new TokenBucket(clock, inAll.perSecond, inAll.burst);
  }

  /** How long to wait before the next write for this key: 0, and then it is taken as written. */
  take(key: string): number {
    const entry = this.#buckets.get(key) ?? {
      bucket: new TokenBucket(this.#clock, perBpf.perSecond, perBpf.burst),
      dueAtMs: Number.NEGATIVE_INFINITY,
    };
    this.#buckets.set(key, entry);
    const nowMs = this.#clock.monotonic();
    // A token of the future, once reserved, is waited for: asking again must not reserve another.
    if (entry.dueAtMs > nowMs) return entry.dueAtMs - nowMs;
    if (entry.dueAtMs !== Number.NEGATIVE_INFINITY) {
      entry.dueAtMs = Number.NEGATIVE_INFINITY;
      return 0;
    }
    const delayMs = Math.max(entry.bucket.reserveMs(), this.#all.reserveMs());
    if (delayMs > 0) entry.dueAtMs = nowMs + delayMs;
    return delayMs;
  }

  forget(key: string): void {
    this.#buckets.delete(key);
  }
}
