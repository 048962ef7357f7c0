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

  /** Where in `text` the labels of an entry, `maxBytes` at most, may be written for `slot` to take. */
  begin(maxBytes: number): number {
    const neededBytes = this.#textEnd + maxBytes + wordBytes;
    if (neededBytes > this.text.byteLength) this.#growText(neededBytes);
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
    if (this.count * 2 > this.#table.length) this.#rehash();
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
    if (place === this.#places.length) this.#places = grown(this.#places);
    this.#places[place] = from;
    this.#places[place + 1] = to - from;
    this.#places[place + 2] = indexPlace;
    this.#places[place + 3] = hash;
    // The next text starts behind the seal, so that it stays one.
    this.#textEnd = to + wordBytes;
    const sumsEnd = this.count * this.#numbers * 2;
    while (this.#sums.length < sumsEnd) this.#sums = grown(this.#sums);
    for (let i = sumsEnd - this.#numbers * 2; i < sumsEnd; i++) this.#sums[i] = 0;
    return slot;
  }

  #growText(neededBytes: number): void {
    const larger = new Uint8Array(Math.max(neededBytes, this.text.byteLength * 2));
    larger.set(new Uint8Array(this.text.buffer, 0, this.#textEnd));
    this.text = new DataView(larger.buffer);
  }

  #rehash(): void {
    const table = new Int32Array(this.#table.length * 2);
    const mask = table.length - 1;
    for (let slot = 0; slot < this.count; slot++) {
      let probe = (this.#places[slot * placeWidth + 3] ?? 0) & mask;
      while (table[probe] !== 0) probe = (probe + 1) & mask;
      table[probe] = slot + 1;
    }
    this.#table = table;
  }
}

const initialSlots = 256;
const initialTextBytes = 32 << 10;
const placeWidth = 4;
/** Slots that no map of a whole scrape filled to one part in so many were made for a map that is gone. */
const shrinkAbove = 8;

function grown(array: Uint32Array): Uint32Array {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
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
