import { addTo, type Halves } from './numbers.ts';
import { sealText, wordBytes } from './text.ts';

/**
 * Series by the text of their labels: entries whose labels read alike become one, their numbers summed modulo 2^64 (or
 * set, the last one counting). For maps whose keys may lose something on the way to text, since Prometheus refuses a
 * whole scrape in which a series comes twice, and for histograms, whose lines add numbers up. Memory grows to the largest map's and is used again by the next.
 */
export class Merger {
  /** Series so far; each has a slot from 0 on, in the order in which they came. */
  count = 0;
  /** Label text of all slots, to be copied with `copyText`. */
  text: DataView = new DataView(new ArrayBuffer(initialTextBytes));
  #textEnd = 0;
  /** Of slot i: where its text starts, how long it is, where in it `index` belongs, its hash. */
  #places: Uint32Array = new Uint32Array(initialSlots * placeWidth);
  /** Of slot i, from i × `#numbers` × 2 on: low and high half of each number. */
  #sums: Uint32Array = new Uint32Array(initialSlots);
  #numbers = 0;
  #probed = false;
  /** Open addressing: a slot's number plus one, or 0. At most half full. */
  #table: Int32Array = new Int32Array(initialSlots * 2);
  #mostSlots = 0;

  /** Forgets all series; each to come has `numbers` numbers. */
  reset(numbers: number): void {
    this.count = 0;
    this.#textEnd = 0;
    this.#numbers = numbers;
    if (this.#probed) this.#table.fill(0);
    this.#probed = false;
  }

  /**
   * Makes room for so many entries with labels of `maxBytes` at most; without it there is none. Yields now and then
   * where that takes long.
   */
  *reserve(entries: number, maxBytes: number): Generator<void, void, undefined> {
    const slots = this.count + entries;
    const textBytes = this.#textEnd + entries * (maxBytes + 2 * wordBytes);
    if (textBytes > this.text.byteLength) {
      const larger = new Uint8Array(Math.max(textBytes, this.text.byteLength * 2));
      yield* copyInPieces(new Uint8Array(this.text.buffer), larger, this.#textEnd);
      this.text = new DataView(larger.buffer);
    }
    this.#places = yield* roomFor(this.#places, slots * placeWidth, this.count * placeWidth);
    const width = this.#numbers * 2;
    this.#sums = yield* roomFor(this.#sums, slots * width, this.count * width);
    if (slots * 2 > this.#table.length) yield* this.#rehash(slots * 2);
  }

  /** Where in `text` the labels of an entry may be written for `slot` to take. */
  begin(): number {
    return this.#textEnd;
  }

  /**
   * The slot of the labels that were written where `begin` said, up to `to`; a new one, with sums of zero, where they
   * are new.
   */
  slot(to: number, indexPlace: number): number {
    const from = this.#textEnd;
    this.#probed = true;
    sealText(this.text, to);
    const hash = hashText(this.text, from, to);
    const mask = this.#table.length - 1;
    let probe = hash & mask;
    for (;;) {
      const slot = (this.#table[probe] ?? 0) - 1;
      if (slot < 0) break;
      if (this.#isAt(slot, hash, from, to)) return slot;
      probe = (probe + 1) & mask;
    }
    const slot = this.#append(from, to, indexPlace, hash);
    this.#table[probe] = slot + 1;
    return slot;
  }

  /** A new slot for labels that are known to be new; not to be mixed with `slot` before the next `reset`. */
  newSlot(to: number, indexPlace: number): number {
    sealText(this.text, to);
    return this.#append(this.#textEnd, to, indexPlace, 0);
  }

  add(slot: number, number: number, value: Halves): void {
    addTo(this.#sums, (slot * this.#numbers + number) * 2, value);
  }

  set(slot: number, number: number, value: Halves): void {
    const at = (slot * this.#numbers + number) * 2;
    this.#sums[at] = value[0] ?? 0;
    this.#sums[at + 1] = value[1] ?? 0;
  }

  low(slot: number, number: number): number {
    return this.#sums[(slot * this.#numbers + number) * 2] ?? 0;
  }

  high(slot: number, number: number): number {
    return this.#sums[(slot * this.#numbers + number) * 2 + 1] ?? 0;
  }

  textStart(slot: number): number {
    return this.#places[slot * placeWidth] ?? 0;
  }

  textBytes(slot: number): number {
    return this.#places[slot * placeWidth + 1] ?? 0;
  }

  indexPlace(slot: number): number {
    return this.#places[slot * placeWidth + 2] ?? 0;
  }

  /** Bytes of label text so far. */
  get usedBytes(): number {
    return this.#textEnd;
  }

  /** Lets go of memory that no map since the last call came near to needing. */
  trim(): void {
    const needed = this.#mostSlots;
    this.#mostSlots = 0;
    if (this.#places.length <= Math.max(initialSlots, needed * shrinkAbove) * placeWidth) return;
    this.text = new DataView(new ArrayBuffer(initialTextBytes));
    this.#places = new Uint32Array(initialSlots * placeWidth);
    this.#sums = new Uint32Array(initialSlots);
    this.#table = new Int32Array(initialSlots * 2);
    this.#probed = false;
    this.reset(0);
  }

  #isAt(slot: number, hash: number, from: number, to: number): boolean {
    const place = slot * placeWidth;
    if (this.#places[place + 3] !== hash || this.#places[place + 1] !== to - from) return false;
    const distance = (this.#places[place] ?? 0) - from;
    for (let at = from; at < to; at += 4) {
      // Both are sealed: what lies behind the text in its last word is zero.
      if (this.text.getUint32(at + distance, true) !== this.text.getUint32(at, true)) return false;
    }
    return true;
  }

  #append(from: number, to: number, indexPlace: number, hash: number): number {
    const slot = this.count++;
    this.#mostSlots = Math.max(this.#mostSlots, this.count);
    const place = slot * placeWidth;
    this.#places[place] = from;
    this.#places[place + 1] = to - from;
    this.#places[place + 2] = indexPlace;
    this.#places[place + 3] = hash;
    // The next text starts behind the seal, so that it stays one.
    this.#textEnd = to + wordBytes;
    const sumsEnd = this.count * this.#numbers * 2;
    for (let i = sumsEnd - this.#numbers * 2; i < sumsEnd; i++) this.#sums[i] = 0;
    return slot;
  }

  /** Into a table of `least` or more. */
  *#rehash(least: number): Generator<void, void, undefined> {
    let length = this.#table.length;
    while (length < least) length *= 2;
    const table = new Int32Array(length);
    const mask = length - 1;
    // Where nothing was looked up since the last reset, slots have no hash, and no place in a table.
    for (let slot = 0; this.#probed && slot < this.count; slot++) {
      let probe = (this.#places[slot * placeWidth + 3] ?? 0) & mask;
      while (table[probe] !== 0) probe = (probe + 1) & mask;
      table[probe] = slot + 1;
      if (slot % slotsPerPiece === 0) yield;
    }
    this.#table = table;
  }
}

const initialSlots = 256;
const initialTextBytes = 32 << 10;
const placeWidth = 4;
/** Slots that no map of a whole scrape filled to one part in so many were made for a map that is gone. */
const shrinkAbove = 8;

/** A piece takes a fraction of a millisecond. */
const slotsPerPiece = 8192;
const bytesPerPiece = 1 << 20;

/** The array where it has room for `length`, else a larger one with the `used` first of it. */
function* roomFor(array: Uint32Array, length: number, used: number): Generator<void, Uint32Array, undefined> {
  if (length <= array.length) return array;
  const larger = new Uint32Array(Math.max(length, array.length * 2));
  yield* copyInPieces(new Uint8Array(array.buffer), new Uint8Array(larger.buffer), used * 4);
  return larger;
}

function* copyInPieces(from: Uint8Array, to: Uint8Array, sizeBytes: number): Generator<void, void, undefined> {
  for (let at = 0; at < sizeBytes; at += bytesPerPiece) {
    to.set(from.subarray(at, Math.min(at + bytesPerPiece, sizeBytes)), at);
    yield;
  }
}

/** A multiplication and a shift for each word of four bytes; the text must be sealed. */
function hashText(source: DataView, from: number, to: number): number {
  let hash = to - from;
  for (let at = from; at < to; at += 4) {
    hash = Math.imul(hash ^ source.getUint32(at, true), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}
