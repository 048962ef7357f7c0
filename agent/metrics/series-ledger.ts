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
 * a whole walk did not meet is forgotten, and its place is free. 28 bytes a series and a number in an index.
 *
 * Series stand in the order in which they first came, which is mostly that of the walk: each is looked for behind the
 * one before, where it is in the processor's cache already, and in the index only where it is not there.
 */
export class SeriesLedger {
  readonly #limit: SeriesLimit;
  readonly #expireAfterTicks: number;
  #words: Uint32Array = new Uint32Array(minSeries * seriesWords);
  /** Where the next new one goes. */
  #end = 0;
  #index: SeriesIndex = new SeriesIndex(minSeries);
  /** Where the next one is expected. */
  #next = 0;
  /** Series that the last whole walk met or this one added; and those that this one met. */
  #live = 0;
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
    this.#next = 0;
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
    const most = this.#end / seriesWords + series;
    if (most * seriesWords > this.#words.length || !this.#index.fits(most)) yield* this.#rebuild(most);
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
    const low = Math.imul(this.#low ^ salt, 0xc2b2ae35) >>> 0;
    const high = (this.#high + salt) >>> 0;
    const words = this.#words;
    let at = this.#next;
    if (at === this.#end || words[at] !== low || words[at + word.high] !== high)
      at = this.#index.find(words, low, high);
    if (at < 0 || words[at + word.walk] === 0) {
      if (!this.#limit.take(lines)) return false;
      if (at < 0) at = this.#append(low, high);
      else this.#next = at + seriesWords;
      words[at + word.places] = lines;
      words[at + word.walk] = this.#walk;
      this.#note(at, valueLow, valueHigh);
      this.#live++;
      this.#seen++;
      return true;
    }
    this.#next = at + seriesWords;
    if (words[at + word.walk] !== this.#walk) {
      words[at + word.walk] = this.#walk;
      this.#seen++;
    }
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
    if (this.#seen === this.#live) return;
    const words = this.#words;
    for (let at = 0; at < this.#end; at += seriesWords) {
      const walk = words[at + word.walk];
      if (walk !== 0 && walk !== this.#walk) {
        this.#limit.used -= words[at + word.places] ?? 0;
        words[at + word.walk] = 0;
        this.#live--;
      }
      if (at % yieldWords === 0) yield;
    }
    // Forgotten ones keep their room, for themselves should they come back, as long as they are few.
    if (this.#live * seriesWords * 2 < this.#end) yield* this.#rebuild(this.#live);
  }

  #note(at: number, valueLow: number, valueHigh: number): void {
    this.#words[at + word.valueLow] = valueLow;
    this.#words[at + word.valueHigh] = valueHigh;
    this.#words[at + word.changed] = this.#tick;
  }

  #append(low: number, high: number): number {
    const at = this.#end;
    this.#words[at] = low;
    this.#words[at + word.high] = high;
    this.#index.add(low, at / seriesWords);
    this.#end += seriesWords;
    if (this.#next === at) this.#next = this.#end;
    return at;
  }

  /** Without what was forgotten, and with room for `series`. Nothing has changed where this is left before its end. */
  *#rebuild(series: number): Generator<void, void, undefined> {
    let room = minSeries;
    while (room < series) room *= 2;
    const words = new Uint32Array(room * seriesWords);
    const index = new SeriesIndex(room);
    let end = 0;
    let next = 0;
    for (let from = 0; from < this.#end; from += seriesWords) {
      if (from === this.#next) next = end;
      if (this.#words[from + word.walk] !== 0) {
        for (let i = 0; i < seriesWords; i++) words[end + i] = this.#words[from + i] ?? 0;
        index.add(words[end] ?? 0, end / seriesWords);
        end += seriesWords;
      }
      if (from % yieldWords === 0) yield;
    }
    this.#next = this.#next === this.#end ? end : next;
    [this.#words, this.#index, this.#end] = [words, index, end];
  }
}

/** Where a series stands, by its hash: open addressing, at most three quarters full. Nothing is ever taken out. */
class SeriesIndex {
  /** A series' number plus one, or 0. */
  readonly #slots: Uint32Array;

  constructor(series: number) {
    let slots = minSeries;
    while (slots * 3 < series * 4) slots *= 2;
    this.#slots = new Uint32Array(slots);
  }

  fits(series: number): boolean {
    return series * 4 <= this.#slots.length * 3;
  }

  /** For a series that is not in it. */
  add(low: number, number: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = low & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = number + 1;
  }

  /** Where in `words` the series stands, or -1. */
  find(words: Uint32Array, low: number, high: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const at = ((slots[slot] ?? 0) - 1) * seriesWords;
      if (at < 0) return -1;
      if (words[at] === low && words[at + word.high] === high) return at;
    }
  }
}

/** Of a series; one whose walk is 0 is forgotten. `places`: how many series of the limit it takes, 0 once it expired. */
const word = { low: 0, high: 1, valueLow: 2, valueHigh: 3, changed: 4, walk: 5, places: 6 } as const;
const seriesWords = 7;
const minSeries = 64;
const maxWalk = 2 ** 32 - 1;
/** How finely the age of a value is kept: 2^32 of it are 13 years. */
const tickMs = 100;
/** 4,096 series take a fraction of a millisecond. */
const yieldWords = 4096 * seriesWords;
