import { endOf, type NumberReading, type Reading } from '../../bpf/metrics/plan.ts';
import type { NameSource } from './decoders/fresh.ts';
import { type Digits, maxNumberBytes } from './digits.ts';
import { type Halves, type NumberReader, numberReader } from './numbers.ts';
import { labelValue, maxEscapedBytes, type Piece, pieceOf, writePiece, writeUntrusted } from './text.ts';

/**
 * Writes what it reads at `from` of `source` as text at `at` of `out`, and returns where that ends; or `dropped`, where
 * the entry is to have no series.
 */
export type Write = (source: DataView, from: number, out: DataView, at: number) => number;

export interface Column {
  readonly write: Write;
  /** At most so many bytes are written, not counting a word behind them that may be overwritten. */
  readonly maxBytes: number;
  /** Where it is no more than an unsigned number of four or eight bytes. Whoever writes many rows spares a call by it. */
  readonly unsigned?: { readonly offsetBytes: number; readonly sizeBytes: 4 | 8 };
  /** Where it has names from: the entries that one of them misses have no series in this walk. */
  readonly names?: readonly NameSource[];
  /** Forgets answers that are too old; to be called before each walk. */
  readonly refresh?: () => void;
}

export const dropped = -1;

/** A reading as text: one closure for each kind, so that the loop over the columns stays small and the same for all. */
export function columnOf(reading: Reading, digits: Digits): Column {
  switch (reading.kind) {
    case 'int':
      return {
        write:
          reading.bigEndian === true
            ? numberWrite(numberReader(reading), reading.signed, digits)
            : intWrite(reading, digits),
        maxBytes: maxNumberBytes,
        ...unsignedOf(reading),
      };
    case 'bits':
      return { write: numberWrite(numberReader(reading), reading.signed, digits), maxBytes: maxNumberBytes };
    case 'enum':
      return enumColumn(reading, digits);
    case 'text': {
      const { offsetBytes, sizeBytes } = reading;
      return {
        write: (source, from, out, at) => writeUntrusted(source, from + offsetBytes, sizeBytes, out, at),
        // A byte that is no UTF-8 becomes three; one that is escaped, two.
        maxBytes: Math.min(3 * sizeBytes, maxEscapedBytes),
      };
    }
    case 'hex':
      return hexColumn(reading.offsetBytes, reading.sizeBytes);
  }
}

function unsignedOf({
  offsetBytes,
  sizeBytes,
  signed,
  bigEndian,
}: Extract<NumberReading, { kind: 'int' }>): Pick<Column, 'unsigned'> {
  if (signed || bigEndian === true || sizeBytes < 4) return {};
  return { unsigned: { offsetBytes, sizeBytes: sizeBytes === 4 ? 4 : 8 } };
}

/** Whatever `read` gives, as decimal. */
export function numberWrite(read: NumberReader, signed: boolean, digits: Digits): Write {
  const halves: Halves = new Uint32Array(2);
  return (source, from, out, at) => {
    read(source, from, halves);
    return writeHalves(digits, signed, out, at, halves[0] ?? 0, halves[1] ?? 0);
  };
}

export function writeHalves(d: Digits, signed: boolean, out: DataView, at: number, low: number, high: number): number {
  return signed ? d.s64(out, at, low, high) : d.u64(out, at, low, high);
}

/**
 * A label from a value in a per-CPU map: the first CPU's that has any. A CPU that never met the key holds zeros, and what
 * is zero on all of them is zero.
 */
export function firstCpuColumn(column: Column, reading: Reading, cpus: number, stepBytes: number): Column {
  const start = reading.kind === 'enum' ? reading.number.offsetBytes : reading.offsetBytes;
  // Text is what stands before its first NUL.
  const end = reading.kind === 'text' ? start + 1 : endOf(reading);
  const isZero = (source: DataView, from: number): boolean => {
    for (let at = from + start; at < from + end; at++) if (source.getUint8(at) !== 0) return false;
    return true;
  };
  // Which CPU's it is only `write` knows: nobody may read it as a plain number in its place.
  const { unsigned: _, ...rest } = column;
  return {
    ...rest,
    write: (source, from, out, at) => {
      let cpu = 0;
      while (cpu < cpus - 1 && isZero(source, from + cpu * stepBytes)) cpu++;
      return column.write(source, from + cpu * stepBytes, out, at);
    },
  };
}

/** Which of `cpus` values, `stepBytes` apart, an entry's is: the label `cpu`. */
export function cpuColumn(cpus: number, stepBytes: number, digits: Digits): Column {
  return { maxBytes: maxNumberBytes, write: (_, from, out, at) => digits.u32(out, at, (from / stepBytes) % cpus) };
}

const minus = 0x2d;

function intWrite(reading: Extract<NumberReading, { kind: 'int' }>, digits: Digits): Write {
  const { offsetBytes, sizeBytes, signed } = reading;
  const signedWrite = (out: DataView, at: number, n: number): number => {
    if (n >= 0) return digits.u32(out, at, n);
    out.setUint8(at, minus);
    return digits.u32(out, at + 1, -n);
  };
  switch (sizeBytes) {
    case 8:
      return signed
        ? (source, from, out, at) =>
            digits.s64(
              out,
              at,
              source.getUint32(from + offsetBytes, true),
              source.getUint32(from + offsetBytes + 4, true),
            )
        : (source, from, out, at) =>
            digits.u64(
              out,
              at,
              source.getUint32(from + offsetBytes, true),
              source.getUint32(from + offsetBytes + 4, true),
            );
    case 4:
      return signed
        ? (source, from, out, at) => signedWrite(out, at, source.getInt32(from + offsetBytes, true))
        : (source, from, out, at) => digits.u32(out, at, source.getUint32(from + offsetBytes, true));
    case 2:
      return signed
        ? (source, from, out, at) => signedWrite(out, at, source.getInt16(from + offsetBytes, true))
        : (source, from, out, at) => digits.u32(out, at, source.getUint16(from + offsetBytes, true));
    case 1:
      return signed
        ? (source, from, out, at) => signedWrite(out, at, source.getInt8(from + offsetBytes))
        : (source, from, out, at) => digits.u32(out, at, source.getUint8(from + offsetBytes));
  }
}

function enumColumn({ number, names }: Extract<Reading, { kind: 'enum' }>, digits: Digits): Column {
  const read = numberReader(number);
  const halves: Halves = new Uint32Array(2);
  // By the low half first, then the high one: almost all enums have but one of these, and no BigInt is made per value.
  const byLow = new Map<number, Map<number, Piece>>();
  let maxBytes = maxNumberBytes;
  for (const [value, name] of names) {
    const halvesOfName = halvesOf(value, number);
    if (halvesOfName === undefined) continue;
    const [low, high] = halvesOfName;
    const piece = pieceOf(labelValue(name));
    maxBytes = Math.max(maxBytes, piece.sizeBytes);
    const byHigh = byLow.get(low) ?? new Map<number, Piece>();
    byLow.set(low, byHigh.set(high, piece));
  }
  return {
    maxBytes,
    write: (source, from, out, at) => {
      read(source, from, halves);
      const low = halves[0] ?? 0;
      const high = halves[1] ?? 0;
      const piece = byLow.get(low)?.get(high);
      return piece === undefined ? writeHalves(digits, number.signed, out, at, low, high) : writePiece(out, at, piece);
    },
  };
}

/** An enumerator's value as the reader of its `number` would give it; undefined where that is too small to hold it. */
function halvesOf(value: bigint, number: NumberReading): readonly [number, number] | undefined {
  const bits = number.kind === 'bits' ? number.bitSize : number.sizeBytes * 8;
  const stored = number.signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  if (stored !== value) return undefined;
  return [Number(BigInt.asUintN(32, stored)), Number(BigInt.asUintN(32, stored >> 32n))];
}

function hexColumn(offsetBytes: number, sizeBytes: number): Column {
  const shownBytes = Math.min(sizeBytes, maxHexBytes);
  return {
    maxBytes: shownBytes * 2,
    write: (source, from, out, at) => {
      for (let i = 0; i < shownBytes; i++) {
        const byte = source.getUint8(from + offsetBytes + i);
        out.setUint16(at + i * 2, (hexDigit(byte >>> 4) << 8) | hexDigit(byte & 15));
      }
      return at + shownBytes * 2;
    },
  };
}

/** Two digits a byte: what a label's value can hold. */
const maxHexBytes = 128;

const hexDigit = (n: number): number => (n < 10 ? 0x30 + n : 0x57 + n);
