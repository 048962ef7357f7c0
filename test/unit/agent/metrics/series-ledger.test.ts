import fc from 'fast-check';
import { SeriesLedger, SeriesLimit } from '../../../../agent/metrics/series-ledger.ts';

/** The ledger's rules once more, by keys instead of hashes and places. */
class PlainLedger {
  used = 0;
  dropped = 0;
  readonly #series = new Map<number, { value: number; changedTick: number; placed: boolean; met: boolean }>();
  readonly #max: number;
  readonly #expireAfterTicks: number;
  #tick = 0;

  constructor(max: number, expireAfterTicks: number) {
    this.#max = max;
    this.#expireAfterTicks = expireAfterTicks;
  }

  begin(tick: number): void {
    this.#tick = tick;
    for (const series of this.#series.values()) series.met = false;
  }

  admits(key: number, value: number): boolean {
    const known = this.#series.get(key);
    if (known === undefined) {
      if (!this.#take()) return false;
      this.#series.set(key, { value, changedTick: this.#tick, placed: true, met: true });
      return true;
    }
    known.met = true;
    if (known.value !== value) Object.assign(known, { value, changedTick: this.#tick });
    if (this.#tick - known.changedTick >= this.#expireAfterTicks) {
      if (known.placed) this.used--;
      known.placed = false;
      return false;
    }
    known.placed ||= this.#take();
    return known.placed;
  }

  sweep(): void {
    for (const [key, { met, placed }] of this.#series) {
      if (met) continue;
      if (placed) this.used--;
      this.#series.delete(key);
    }
  }

  #take(): boolean {
    if (this.used < this.#max) return ++this.used > 0;
    this.dropped++;
    return false;
  }
}

const tickMs = 100;
const text = new DataView(new ArrayBuffer(16));

/** What a ledger says of these keys, in order: which of them it admits. */
function walked(
  ledger: SeriesLedger,
  tick: number,
  rows: readonly { key: number; value: number }[],
  whole: boolean,
): boolean[] {
  ledger.begin(tick * tickMs);
  const admitted = rows.map(({ key, value }) => {
    for (const _ of ledger.reserve(1));
    text.setUint32(0, key, true);
    ledger.use(text, 0, 4);
    return ledger.admits(7, 1, value, 0);
  });
  if (whole) for (const _ of ledger.sweep());
  return admitted;
}

const keys = fc.integer({ min: 0, max: 400 });
const walk = fc.record({
  passedTicks: fc.integer({ min: 0, max: 6 }),
  // In order, as a hash is walked, with keys that come and go; or in any.
  rows: fc.oneof(
    fc.tuple(keys, keys, fc.integer({ min: 1, max: 7 })).map(([from, count, step]) => rowsOf(from, count, step)),
    fc.uniqueArray(keys, { maxLength: 300 }),
  ),
  value: fc.integer({ min: 0, max: 2 }),
  whole: fc.boolean(),
});
const rowsOf = (from: number, count: number, step: number): number[] =>
  Array.from({ length: count }, (_, i) => from + i).filter((key) => key % step !== 0);

test('whatever comes and goes, in whatever order: what a plain ledger says', () => {
  fc.assert(
    fc.property(
      fc.array(walk, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 0, max: 300 }),
      fc.integer({ min: 1, max: 10 }),
      (walks, max, expireAfterTicks) => {
        const limit = new SeriesLimit(max);
        const ledger = new SeriesLedger(limit, expireAfterTicks * tickMs);
        const plain = new PlainLedger(max, expireAfterTicks);
        let tick = 1;
        for (const { passedTicks, rows, value, whole } of walks) {
          tick += passedTicks;
          const valued = rows.map((key) => ({ key, value: value * (key % 3) }));
          plain.begin(tick);
          const expected = valued.map((row) => plain.admits(row.key, row.value));
          if (whole) plain.sweep();
          expect(walked(ledger, tick, valued, whole)).toEqual(expected);
          expect([limit.used, limit.dropped]).toEqual([plain.used, plain.dropped]);
        }
      },
    ),
  );
});

describe('work that is given up half-way', () => {
  const many = Array.from({ length: 20_000 }, (_, key) => ({ key, value: 1 }));

  test('growing: nothing is lost', () => {
    const limit = new SeriesLimit(many.length);
    const ledger = new SeriesLedger(limit, Infinity);
    walked(ledger, 1, many, true);
    for (const _ of ledger.reserve(1_000_000)) break;
    expect(walked(ledger, 2, many, true)).not.toContain(false);
    expect(limit.used).toBe(many.length);
  });

  test('forgetting: the next whole walk forgets the rest', () => {
    const limit = new SeriesLimit(many.length);
    const ledger = new SeriesLedger(limit, Infinity);
    walked(ledger, 1, many, true);
    walked(ledger, 2, many.slice(0, 1), false);
    for (const _ of ledger.sweep()) break;
    walked(ledger, 3, many.slice(0, 1), true);
    expect(limit.used).toBe(1);
    expect(walked(ledger, 4, many, true)).not.toContain(false);
  });
});
