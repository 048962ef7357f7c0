import type { NumberReading } from '../../bpf/metrics/plan.ts';

/** A number of 64 bits in two halves: [low, high]. A signed one is extended to 64 bits. */
export type Halves = Uint32Array;

/** Reads the number whose enclosing key or value starts at `at`, into `into`. */
export type NumberReader = (source: DataView, at: number, into: Halves) => void;

export function numberReader(reading: NumberReading): NumberReader {
  const { offsetBytes } = reading;
  if (reading.kind === 'bits') return bitsReader(reading);
  const little = reading.bigEndian !== true;
  switch (reading.sizeBytes) {
    case 8: {
      const [low, high] = little ? [offsetBytes, offsetBytes + 4] : [offsetBytes + 4, offsetBytes];
      return (source, at, into) => {
        into[0] = source.getUint32(at + low, little);
        into[1] = source.getUint32(at + high, little);
      };
    }
    case 4:
      return reading.signed
        ? (source, at, into) => setSigned(into, source.getInt32(at + offsetBytes, little))
        : (source, at, into) => setUnsigned(into, source.getUint32(at + offsetBytes, little));
    case 2:
      return reading.signed
        ? (source, at, into) => setSigned(into, source.getInt16(at + offsetBytes, little))
        : (source, at, into) => setUnsigned(into, source.getUint16(at + offsetBytes, little));
    case 1:
      return reading.signed
        ? (source, at, into) => setSigned(into, source.getInt8(at + offsetBytes))
        : (source, at, into) => setUnsigned(into, source.getUint8(at + offsetBytes));
  }
}

/** One number of `cpus` values, each `stepBytes` behind the one before: their sum modulo 2^64, the largest or the smallest. */
export function cpuReader(
  reading: NumberReading,
  cpus: number,
  stepBytes: number,
  fold: 'sum' | 'max' | 'min',
): NumberReader {
  const read = numberReader(reading);
  if (cpus === 1) return read;
  return fold === 'sum'
    ? sumReader(read, cpus, stepBytes)
    : extremeReader(read, cpus, stepBytes, fold === 'max' ? 1 : -1, reading.signed);
}

function sumReader(read: NumberReader, cpus: number, stepBytes: number): NumberReader {
  return (source, at, into) => {
    let low = 0;
    let high = 0;
    for (let cpu = 0; cpu < cpus; cpu++) {
      read(source, at + cpu * stepBytes, into);
      low += into[0] ?? 0;
      high += into[1] ?? 0;
    }
    // Both are sums of fewer than 2^21 halves, so exact; storing takes them modulo 2^32.
    into[0] = low;
    into[1] = high + Math.floor(low / 2 ** 32);
  };
}

/** `sign` 1: the largest; -1: the smallest. */
function extremeReader(
  read: NumberReader,
  cpus: number,
  stepBytes: number,
  sign: 1 | -1,
  signed: boolean,
): NumberReader {
  // With its topmost bit flipped, a signed number's halves are in the order of unsigned ones.
  const flip = signed ? 0x80000000 : 0;
  return (source, at, into) => {
    let low = 0;
    let high = 0;
    for (let cpu = 0; cpu < cpus; cpu++) {
      read(source, at + cpu * stepBytes, into);
      const nextHigh = ((into[1] ?? 0) ^ flip) >>> 0;
      const difference = nextHigh - high || (into[0] ?? 0) - low;
      if (cpu > 0 && difference * sign <= 0) continue;
      low = into[0] ?? 0;
      high = nextHigh;
    }
    into[0] = low;
    into[1] = high ^ flip;
  };
}

/** Adds two numbers of 64 bits, modulo 2^64, to `sums` at `at` (low) and `at + 1` (high). */
export function addTo(sums: Uint32Array, at: number, number: Halves): void {
  const low = (sums[at] ?? 0) + (number[0] ?? 0);
  sums[at] = low;
  sums[at + 1] = (sums[at + 1] ?? 0) + (number[1] ?? 0) + (low >= 2 ** 32 ? 1 : 0);
}

function setUnsigned(into: Halves, n: number): void {
  into[0] = n;
  into[1] = 0;
}

function setSigned(into: Halves, n: number): void {
  into[0] = n;
  into[1] = n < 0 ? -1 : 0;
}

/** Any bits of any bytes: nine bytes at most, one by one, since such members are rare. */
function bitsReader({ offsetBytes, shift, bitSize, signed }: Extract<NumberReading, { kind: 'bits' }>): NumberReader {
  const touchedBytes = Math.ceil((shift + bitSize) / 8);
  const lowBits = Math.min(bitSize, 32);
  const highBits = bitSize - lowBits;
  return (source, at, into) => {
    let low = 0;
    let high = 0;
    for (let i = 0; i < touchedBytes; i++) {
      const byte = source.getUint8(at + offsetBytes + i);
      const bit = i * 8 - shift;
      low |= shifted(byte, bit);
      high |= shifted(byte, bit - 32);
    }
    low = masked(low, lowBits);
    high = masked(high, highBits);
    if (signed && isSet(low, high, bitSize - 1)) {
      low |= lowBits < 32 ? -1 << lowBits : 0;
      high |= highBits < 32 ? -1 << highBits : 0;
    }
    into[0] = low;
    into[1] = high;
  };
}

/** The byte's bits that fall into 32, when its first is to be number `bit`. */
function shifted(byte: number, bit: number): number {
  if (bit >= 32 || bit <= -8) return 0;
  return bit >= 0 ? byte << bit : byte >>> -bit;
}

const masked = (n: number, bits: number): number => (bits >= 32 ? n : n & ((1 << bits) - 1));

const isSet = (low: number, high: number, bit: number): boolean =>
  ((bit < 32 ? low >>> bit : high >>> (bit - 32)) & 1) === 1;
