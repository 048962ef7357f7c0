import { cutLabel } from '../../bpf/metrics/cut-label.ts';
import { maxLabelValueBytes } from '../../bpf/metrics/plan.ts';

/**
 * Text that never changes, kept as words of eight bytes so that it is copied with few stores. A word is a float64, since
 * that is the widest number that V8 moves without a BigInt; bits survive because UTF-8 never holds a NaN's pattern
 * (7f behind f0 or above).
 */
export interface Piece {
  readonly words: Float64Array;
  readonly sizeBytes: number;
}

export const wordBytes = 8;

export function pieceOf(text: string): Piece {
  return pieceOfBytes(Buffer.from(text));
}

export function pieceOfBytes(bytes: Uint8Array): Piece {
  const view = new DataView(new ArrayBuffer(Math.ceil(bytes.length / wordBytes) * wordBytes));
  bytes.forEach((byte, i) => {
    view.setUint8(i, byte);
  });
  const words = Float64Array.from({ length: view.byteLength / wordBytes }, (_, i) =>
    view.getFloat64(i * wordBytes, true),
  );
  return { words, sizeBytes: bytes.length };
}

/** Returns where the piece ends; up to seven bytes behind that are overwritten. */
export function writePiece(out: DataView, at: number, piece: Piece): number {
  const { words } = piece;
  for (let i = 0; i < words.length; i++) out.setFloat64(at + i * wordBytes, words[i] ?? 0, true);
  return at + piece.sizeBytes;
}

/**
 * Copies text of ours from one buffer to another, word by word: the word that `from + sizeBytes` falls into must be
 * readable, and zero from there on (`sealText`), lest what follows make a NaN of it. Overwrites like `writePiece`.
 */
export function copyText(source: DataView, from: number, sizeBytes: number, out: DataView, at: number): number {
  for (let i = 0; i < sizeBytes; i += wordBytes) out.setFloat64(at + i, source.getFloat64(from + i, true), true);
  return at + sizeBytes;
}

/** Makes text that ends at `at` fit to be copied by `copyText`. */
export function sealText(view: DataView, at: number): void {
  view.setFloat64(at, 0, true);
}

/** A label's value as it stands between quotes: cut, then escaped (text format 0.0.4: `\\`, `\"`, `\n`). */
export function labelValue(text: string): string {
  return cutLabel(text).replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`));
}

/** Text of a HELP line: backslash and line feed are escaped, quotes are not. */
export function helpText(text: string): string {
  return text.replace(/[\\\n]/g, (character) => (character === '\n' ? '\\n' : '\\\\'));
}

/** What a label's value can take at most: every byte escaped. */
export const maxEscapedBytes = 2 * maxLabelValueBytes;

/**
 * Writes bytes that anybody may have put into a map as a label's value: up to the first NUL, forced to valid UTF-8
 * (each maximal part of a broken sequence becomes U+FFFD, as the Encoding standard has it), cut, escaped.
 */
export function writeUntrusted(source: DataView, from: number, sizeBytes: number, out: DataView, at: number): number {
  const end = from + sizeBytes;
  let room = maxLabelValueBytes;
  let next = at;
  let i = from;
  // Most text is short and plain: four bytes at a time, as long as none of them needs a closer look.
  for (; i + 4 <= end && room >= 4; i += 4, next += 4, room -= 4) {
    const word = source.getUint32(i, true);
    if (!isPlain(word)) break;
    out.setUint32(next, word, true);
  }
  while (i < end && room > 0) {
    const byte = source.getUint8(i);
    if (byte === 0) break;
    if (byte < 0x80) {
      next = writeAscii(out, next, byte);
      room--;
      i++;
      continue;
    }
    const length = sequenceLength(source, i, end);
    const written = length > 0 ? length : replacementBytes;
    if (written > room) break;
    room -= written;
    if (length > 0) {
      for (let j = 0; j < length; j++) out.setUint8(next + j, source.getUint8(i + j));
      i += length;
    } else {
      out.setUint8(next, 0xef);
      out.setUint16(next + 1, 0xbfbd);
      i -= length;
    }
    next += written;
  }
  return next;
}

/** Whether four bytes are ASCII, and none is NUL or to be escaped. */
function isPlain(word: number): boolean {
  // Of ASCII bytes, adding 0x7f sets the topmost bit of all but zero, and carries nothing over.
  const plain =
    (word + 0x7f7f7f7f) &
    ((word ^ 0x22222222) + 0x7f7f7f7f) &
    ((word ^ 0x5c5c5c5c) + 0x7f7f7f7f) &
    ((word ^ 0x0a0a0a0a) + 0x7f7f7f7f);
  return (word & 0x80808080) === 0 && (plain & 0x80808080) === (0x80808080 | 0);
}

const replacementBytes = 3;
const backslash = 0x5c;

function writeAscii(out: DataView, at: number, byte: number): number {
  if (byte === 0x22 || byte === backslash || byte === 0x0a) {
    out.setUint8(at, backslash);
    out.setUint8(at + 1, byte === 0x0a ? 0x6e : byte);
    return at + 2;
  }
  out.setUint8(at, byte);
  return at + 1;
}

/**
 * Of the multi-byte sequence that starts at `from`: its length when it is valid UTF-8 (Unicode 15, table 3-7), else
 * minus the length of its maximal valid beginning, at least one.
 */
function sequenceLength(source: DataView, from: number, end: number): number {
  const lead = source.getUint8(from);
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length === 0) return -1;
  // The second byte's range keeps out overlong forms, surrogates and what is above U+10FFFF.
  let low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  let high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  for (let i = 1; i < length; i++) {
    const byte = from + i < end ? source.getUint8(from + i) : 0;
    if (byte < low || byte > high) return -i;
    low = 0x80;
    high = 0xbf;
  }
  return length;
}
