import { endOf, maxLabelValueBytes, type Reading } from './plan.ts';

/**
 * Whether two different keys always give different label values: every bit of the key is shown by a reading that loses
 * nothing. Text loses what is behind NUL and what is not UTF-8; padding is shown by none.
 */
export function isDistinct(readings: readonly Reading[], keySizeBytes: number): boolean {
  return losslessBits(readings, keySizeBytes).every((bits) => bits === 0xff);
}

/** Of each byte of the key, the bits that a reading shows which loses nothing. */
export function losslessBits(readings: readonly Reading[], keySizeBytes: number): Uint8Array {
  const covered = new Uint8Array(keySizeBytes);
  for (const reading of readings) {
    if (isLossless(reading)) cover(covered, reading);
  }
  return covered;
}

function isLossless(reading: Reading): boolean {
  switch (reading.kind) {
    case 'int':
    case 'bits':
      return true;
    case 'hex':
      return reading.sizeBytes * 2 <= maxLabelValueBytes;
    case 'text':
      return false;
    case 'enum': {
      // A name that is cut, given twice or reads like a number could be taken for another value's.
      const names = Array.from(reading.names.values());
      return new Set(names).size === names.length && names.every((name) => plainName.test(name));
    }
  }
}

/** What C allows as a name, short enough not to be cut. */
const plainName = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

function cover(covered: Uint8Array, reading: Reading): void {
  const place = reading.kind === 'enum' ? reading.number : reading;
  if (place.kind === 'bits') {
    for (let bit = place.shift; bit < place.shift + place.bitSize; bit++) {
      const byte = place.offsetBytes + (bit >>> 3);
      covered[byte] = (covered[byte] ?? 0) | (1 << (bit & 7));
    }
    return;
  }
  covered.fill(0xff, place.offsetBytes, endOf(place));
}
