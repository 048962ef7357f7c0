import { scaled } from '../../bpf/metrics/plan.ts';
import { type Digits, maxNumberBytes } from './digits.ts';

/** How a number of 64 bits is shown. */
export interface NumberFormat {
  readonly signed: boolean;
  /** What it is divided by: the CPUs of an average, else 1. */
  readonly divisor: number;
  /** What it is multiplied by then; absent: nothing. */
  readonly scale: number | undefined;
}

/** Writes the number whose halves it is given at `at` of `out`, and returns where that ends. */
export type WriteNumber = (out: DataView, at: number, low: number, high: number) => number;

/** Whether it is shown as the integer that it is, without a digit lost. */
export function isExact({ divisor, scale }: NumberFormat): boolean {
  return divisor === 1 && (scale === undefined || scale === 1);
}

export function numberWriter(format: NumberFormat, digits: Digits): WriteNumber {
  const { signed, divisor, scale } = format;
  if (isExact(format)) {
    return signed
      ? (out, at, low, high) => digits.s64(out, at, low, high)
      : (out, at, low, high) => digits.u64(out, at, low, high);
  }
  return (out, at, low, high) => {
    const whole = (signed ? high | 0 : high) * 2 ** 32 + low;
    return writeFloat(digits, out, at, scaled(whole / divisor, scale));
  };
}

/** The shortest decimal that reads back as the same float64: ECMAScript's own, which Prometheus reads. */
function writeFloat(digits: Digits, out: DataView, at: number, value: number): number {
  if (value >= 0 && value < 2 ** 32 && Number.isInteger(value)) return digits.u32(out, at, value);
  const text = String(value);
  for (let i = 0; i < text.length; i++) out.setUint8(at + i, text.charCodeAt(i));
  return at + text.length;
}

/** -1.2345678901234567e-300 has 24; without an exponent there are at most 17 digits, a sign, a point and 6 zeros. */
export const maxFormattedBytes = Math.max(maxNumberBytes, 26);
