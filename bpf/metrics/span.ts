import type { Reading } from './plan.ts';

/** Bits from the start of the key or value, up to `end`, which is no part of it. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export function spanOf(reading: Reading): Span {
  if (reading.kind === 'enum') return spanOf(reading.number);
  const start = reading.offsetBytes * 8;
  if (reading.kind !== 'bits') return { start, end: start + reading.sizeBytes * 8 };
  return { start: start + reading.shift, end: start + reading.shift + reading.bitSize };
}

export const overlap = (a: Span, b: Span): boolean => a.start < b.end && b.start < a.end;
