/** How many series a BPF may have on this node, and has; shared by its tables. */
export class SeriesLimit {
  readonly max: number;
  /** Series that have a place: those of the last render, and the new ones of this. */
  used = 0;
  /** Series that had no place since `takeDropped`. */
  dropped = 0;

  constructor(max: number) {
    this.max = max;
  }

  take(series: number): boolean {
    if (this.used + series > this.max) {
      this.dropped += series;
      return false;
    }
    this.used += series;
    return true;
  }

  takeDropped(): number {
    const { dropped } = this;
    this.dropped = 0;
    return dropped;
  }
}

/**
 * What is remembered of a table's series from one render to the next, by 64 bits of hash of their labels: that they
 * have a place under the limit, which new ones cannot take from them, and when their value last changed. A series that
 * a whole walk did not meet is forgotten, and its place is free. 32 bytes a series, in a table at most three quarters
 * full.
 */
export class SeriesLedger {
  readonly #limit: SeriesLimit;
  readonly #expireAfterTicks: number;
  #words: Uint32Array = new Uint32Array(minSlots * slotWords);
  #count = 0;
  #seen = 0;
  #droppedBefore = 0;
  #walk = 0;
  #tick = 0;
  #low = 0;
  #high = 0;

  constructor(limit: SeriesLimit, expireAfterMs: number) {
    this.#limit = limit;
    this.#expireAfterTicks = expireAfterMs / tickMs;
  }

  /** A walk begins; `nowMs` of a monotonic clock. */
  begin(nowMs: number): void {
    this.#walk = (this.#walk % maxWalk) + 1;
    this.#seen = 0;
    this.#droppedBefore = this.#limit.dropped;
    this.#tick = Math.floor(nowMs / tickMs);
  }

  /** The walk is given up for another: what it dropped does not count. */
  abandon(): void {
    this.#limit.dropped = this.#droppedBefore;
  }

  /** Makes room for `series` more; yields now and then where that takes long. */
  *reserve(series: number): Generator<void, void, undefined> {
    let slots = this.#words.length / slotWords;
    if ((this.#count + series) * 4 <= slots * 3) return;
    while ((this.#count + series) * 4 > slots * 3) slots *= 2;
    yield* this.#resize(slots);
  }

  /** The entry whose labels, sealed, stand in `text` is the one that `admits` asks about. */
  use(text: DataView, from: number, sizeBytes: number): void {
    let low = sizeBytes;
    let high = ~sizeBytes;
    for (let at = from; at < from + sizeBytes; at += 4) {
      const word = text.getUint32(at, true);
      low = Math.imul(low ^ word, 0x9e3779b1);
      low ^= low >>> 15;
      high = Math.imul(high + word, 0x85ebca6b);
      high ^= high >>> 13;
    }
    this.#low = low;
    this.#high = high;
  }

  /**
   * Whether the series that `salt` tells apart from others of the entry, of `lines` lines, is exported, now that its
   * value (or 64 bits of hash of that) is this. There must be room for it.
   */
  admits(salt: number, lines: number, valueLow: number, valueHigh: number): boolean {
    const words = this.#words;
    const low = Math.imul(this.#low ^ salt, 0xc2b2ae35) >>> 0;
    const high = (this.#high + salt) >>> 0;
    const at = this.#find(low, high);
    if (words[at + word.walk] === 0) {
      if (!this.#limit.take(lines)) return false;
      this.#count++;
      words[at + word.low] = low;
      words[at + word.high] = high;
      words[at + word.places] = lines;
      this.#note(at, valueLow, valueHigh);
      this.#meet(at);
      return true;
    }
    this.#meet(at);
    if (words[at + word.valueLow] !== valueLow || words[at + word.valueHigh] !== valueHigh) {
      this.#note(at, valueLow, valueHigh);
    }
    const places = words[at + word.places] ?? 0;
    if (this.#tick - (words[at + word.changed] ?? 0) >= this.#expireAfterTicks) {
      this.#limit.used -= places;
      words[at + word.places] = 0;
      return false;
    }
    if (places === 0) {
      if (!this.#limit.take(lines)) return false;
      words[at + word.places] = lines;
    }
    return true;
  }

  /** After a whole walk: forgets what it did not meet. Yields now and then where that takes long. */
  *sweep(): Generator<void, void, undefined> {
    if (this.#seen === this.#count) return;
    const words = this.#words;
    for (let at = 0; at < words.length; at += slotWords) {
      const walk = words[at + word.walk];
      if (walk !== 0 && walk !== this.#walk) {
        this.#limit.used -= words[at + word.places] ?? 0;
        words[at + word.places] = 0;
      }
      if (at % yieldWords === 0) yield;
    }
    let slots = minSlots;
    while (this.#seen * 2 > slots) slots *= 2;
    yield* this.#resize(slots, this.#walk);
  }

  #meet(at: number): void {
    if (this.#words[at + word.walk] === this.#walk) return;
    this.#words[at + word.walk] = this.#walk;
    this.#seen++;
  }

  #note(at: number, valueLow: number, valueHigh: number): void {
    this.#words[at + word.valueLow] = valueLow;
    this.#words[at + word.valueHigh] = valueHigh;
    this.#words[at + word.changed] = this.#tick;
  }

  /** Where the series is, or the free slot for it. */
  #find(low: number, high: number): number {
    const words = this.#words;
    const mask = words.length - 1;
    let at = (low * slotWords) & mask;
    while (words[at + word.walk] !== 0 && (words[at] !== low || words[at + word.high] !== high)) {
      at = (at + slotWords) & mask;
    }
    return at;
  }

  /** Into a table of `slots`: all, or only those that the walk `only` met. */
  *#resize(slots: number, only?: number): Generator<void, void, undefined> {
    const old = this.#words;
    this.#words = new Uint32Array(slots * slotWords);
    this.#count = 0;
    for (let from = 0; from < old.length; from += slotWords) {
      const walk = old[from + word.walk];
      if (walk !== 0 && (only === undefined || walk === only)) {
        const at = this.#find(old[from] ?? 0, old[from + word.high] ?? 0);
        for (let i = 0; i < slotWords; i++) this.#words[at + i] = old[from + i] ?? 0;
        this.#count++;
      }
      if (from % yieldWords === 0) yield;
    }
  }
}

/** Of a slot; one whose walk is 0 is free. `places`: how many series of the limit it takes, 0 once it expired. */
const word = { low: 0, high: 1, valueLow: 2, valueHigh: 3, changed: 4, walk: 5, places: 6 } as const;
const slotWords = 8;
const minSlots = 64;
const maxWalk = 2 ** 32 - 1;
/** How finely the age of a value is kept: 2^32 of it are 13 years. */
const tickMs = 100;
/** 4,096 slots take a fraction of a millisecond. */
const yieldWords = 4096 * slotWords;
