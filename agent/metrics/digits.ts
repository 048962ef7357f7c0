/**
 * Writes integers as decimal digits, four at a time from a table, straight into bytes. Numbers of 64 bits come as two
 * halves of 32, so that none passes through a float that loses digits, or a BigInt. Each function writes at `at` and
 * returns where the digits end; up to four bytes behind that may be overwritten.
 */
export class Digits {
  /** Entry n: the four digits of n, as a little-endian word. */
  readonly #four: Uint32Array;
  /** Entry n: the digits of n without leading zeros, as a little-endian word with zeros behind them. */
  readonly #first: Uint32Array;

  constructor() {
    this.#four = new Uint32Array(groupSize);
    this.#first = new Uint32Array(groupSize);
    for (let n = 0; n < groupSize; n++) {
      const thousands = Math.floor(n / 1000);
      const hundreds = Math.floor(n / 100) % 10;
      const tens = Math.floor(n / 10) % 10;
      const word = 0x30303030 | thousands | (hundreds << 8) | (tens << 16) | ((n % 10) << 24);
      this.#four[n] = word;
      this.#first[n] = word >>> (n < 10 ? 24 : n < 100 ? 16 : n < 1000 ? 8 : 0);
    }
  }

  /** `n` from 0 to 2^32 - 1. */
  u32(out: DataView, at: number, n: number): number {
    if (n < groupSize) {
      const word = this.#first[n] ?? 0;
      out.setUint32(at, word, true);
      return at + bytesOf(word);
    }
    return this.#long(out, at, n);
  }

  /** `high` × 2^32 + `low`, both from 0 to 2^32 - 1. */
  u64(out: DataView, at: number, low: number, high: number): number {
    return high === 0 ? this.u32(out, at, low) : this.#above32(out, at, low, high);
  }

  /** Two's complement of 64 bits. */
  s64(out: DataView, at: number, low: number, high: number): number {
    if (high < 2 ** 31) return this.u64(out, at, low, high);
    out.setUint8(at, minus);
    return this.u64(out, at + 1, -low >>> 0, (~high >>> 0) + (low === 0 ? 1 : 0));
  }

  /** Five to ten digits. */
  #long(out: DataView, at: number, n: number): number {
    const high = (n / groupSize) >>> 0;
    let next = at;
    if (high < groupSize) {
      const word = this.#first[high] ?? 0;
      out.setUint32(at, word, true);
      next += bytesOf(word);
    } else {
      const top = (high / groupSize) >>> 0;
      const word = this.#first[top] ?? 0;
      out.setUint32(at, word, true);
      next += bytesOf(word);
      out.setUint32(next, this.#four[high - top * groupSize] ?? 0, true);
      next += 4;
    }
    out.setUint32(next, this.#four[n - high * groupSize] ?? 0, true);
    return next + 4;
  }

  #above32(out: DataView, at: number, low: number, high: number): number {
    if (high < firstInexactHigh) return this.#below2to53(out, at, high * 2 ** 32 + low);
    // Long division by 10^8 in limbs of 32, 16 and 16 bits: each step stays below 2^53, so it is exact.
    const q1 = (high / eightDigits) >>> 0;
    const n2 = (high - q1 * eightDigits) * 2 ** 16 + (low >>> 16);
    const q2 = Math.floor(n2 / eightDigits);
    const n3 = (n2 - q2 * eightDigits) * 2 ** 16 + (low & 0xffff);
    const q3 = Math.floor(n3 / eightDigits);
    const next = this.#below2to53(out, at, q1 * 2 ** 32 + q2 * 2 ** 16 + q3);
    return this.#eight(out, next, n3 - q3 * eightDigits);
  }

  #below2to53(out: DataView, at: number, n: number): number {
    if (n < 2 ** 32) return this.u32(out, at, n >>> 0);
    // The quotient is below 2^27, so its rounding error (2^-27) cannot carry it over a multiple of 10^-8.
    const high = (n / eightDigits) >>> 0;
    return this.#eight(out, this.u32(out, at, high), n - high * eightDigits);
  }

  /** Exactly eight digits. */
  #eight(out: DataView, at: number, n: number): number {
    const eight = n >>> 0;
    const high = (eight / groupSize) >>> 0;
    out.setUint32(at, this.#four[high] ?? 0, true);
    out.setUint32(at + 4, this.#four[eight - high * groupSize] ?? 0, true);
    return at + 8;
  }
}

/** How many digits a word of the table has: none of them is a zero byte. Without a branch, which nobody could foretell. */
const bytesOf = (word: number): number => 4 - (Math.clz32(word) >>> 3);

/** No 64-bit integer has more: -9223372036854775808, 18446744073709551615. */
export const maxNumberBytes = 20;

const groupSize = 10_000;
const eightDigits = 100_000_000;
const firstInexactHigh = 2 ** 21;
const minus = 0x2d;
