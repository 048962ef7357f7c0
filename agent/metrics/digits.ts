/**
 * Writes integers as decimal digits, four at a time from a table, straight into bytes. Numbers of 64 bits come as two
 * halves of 32, so that none passes through a float that loses digits, or a BigInt. Each function writes at `at` and
 * returns where the digits end; up to four bytes behind that may be overwritten.
 */
export class Digits {
  /** Entry n: the four digits of n, as a little-endian word. */
  readonly #four: Uint32Array;

  constructor() {
    this.#four = new Uint32Array(groupSize);
    for (let n = 0; n < groupSize; n++) {
      const thousands = Math.floor(n / 1000);
      const hundreds = Math.floor(n / 100) % 10;
      const tens = Math.floor(n / 10) % 10;
      this.#four[n] = 0x30303030 | thousands | (hundreds << 8) | (tens << 16) | ((n % 10) << 24);
    }
  }

  /** `n` from 0 to 2^32 - 1. */
  u32(out: DataView, at: number, n: number): number {
    const four = this.#four;
    if (n < groupSize) return this.#head(out, at, n);
    const high = (n / groupSize) >>> 0;
    const low = n - high * groupSize;
    if (high < groupSize) {
      const next = this.#head(out, at, high);
      out.setUint32(next, four[low] ?? 0, true);
      return next + 4;
    }
    const top = (high / groupSize) >>> 0;
    const next = this.#head(out, at, top);
    out.setUint32(next, four[high - top * groupSize] ?? 0, true);
    out.setUint32(next + 4, four[low] ?? 0, true);
    return next + 8;
  }

  /** `high` × 2^32 + `low`, both from 0 to 2^32 - 1. */
  u64(out: DataView, at: number, low: number, high: number): number {
    if (high === 0) return this.u32(out, at, low);
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

  /** Two's complement of 64 bits. */
  s64(out: DataView, at: number, low: number, high: number): number {
    if (high < 2 ** 31) return this.u64(out, at, low, high);
    out.setUint8(at, minus);
    return this.u64(out, at + 1, -low >>> 0, (~high >>> 0) + (low === 0 ? 1 : 0));
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

  /** One to four digits, no leading zero: the unwanted ones are shifted out of the word. */
  #head(out: DataView, at: number, n: number): number {
    const count = n < 10 ? 1 : n < 100 ? 2 : n < 1000 ? 3 : 4;
    out.setUint32(at, (this.#four[n] ?? 0) >>> ((4 - count) * 8), true);
    return at + count;
  }
}

/** No 64-bit integer has more: -9223372036854775808, 18446744073709551615. */
export const maxNumberBytes = 20;

const groupSize = 10_000;
const eightDigits = 100_000_000;
const firstInexactHigh = 2 ** 21;
const minus = 0x2d;
