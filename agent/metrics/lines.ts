import { indexLabel } from '../../bpf/metrics/names.ts';
import type { LabelBlock } from './label-block.ts';
import { maxFormattedBytes } from './number-format.ts';
import type { PagedText } from './pages.ts';
import { copyText, labelValue, type Piece, pieceOf, wordBytes, writePiece } from './text.ts';

/** What never changes in one kind of a table's lines; between its parts stands the rest of an entry's labels. */
export interface Line {
  /** `name{a="1",` */
  readonly head: Piece;
  /** `index="0",`, to be put into the rest of the labels; undefined where there is nothing to put there. */
  readonly index: Piece | undefined;
  /** `,le="1"} `, in place of the rest's own end; undefined where that stands. */
  readonly tail: Piece | undefined;
  /** Differs between lines of one entry. */
  readonly salt: number;
  /** Most bytes that a line takes besides the rest of its labels. */
  readonly maxOverheadBytes: number;
}

/** Labels that a line has besides its entry's. `index` goes to its place in the alphabet, others to the end. */
export type ExtraLabels = readonly (readonly [name: string, value: string])[];

export function lineOf(name: string, block: LabelBlock, extra: ExtraLabels): Line {
  const index = extra.find(([label]) => label === indexLabel);
  const inserted = index === undefined ? '' : `${indexLabel}="${labelValue(index[1])}",`;
  const behind = extra.filter(([label]) => label !== indexLabel).map(([label, value]) => tailText(label, value));
  const tail = behind.length === 0 ? '' : `${behind.join('')}${blockEnd}`;
  const place = block.indexInHead;
  const isWhole = block.head.endsWith(blockEnd);
  const headText = place === undefined ? block.head : insert(block.head, place, inserted);
  const head = pieceOf(name + (isWhole && tail !== '' ? headText.slice(0, -blockEnd.length) + tail : headText));
  const indexPiece = place === undefined && inserted !== '' ? pieceOf(inserted) : undefined;
  const tailPiece = isWhole || tail === '' ? undefined : pieceOf(tail);
  const pieceBytes = [head, indexPiece, tailPiece].reduce((sum, piece) => sum + (piece?.sizeBytes ?? 0), 0);
  return {
    head,
    index: indexPiece,
    tail: tailPiece,
    salt: saltOf(name + inserted + tail),
    maxOverheadBytes: pieceBytes + maxFormattedBytes + 1 + 2 * wordBytes,
  };
}

/**
 * A line up to its number: the metric's name and labels, the rest of which stands in `source` from `start` on. Returns
 * where to go on.
 */
export function beginLine(
  text: PagedText,
  { head, index, tail, maxOverheadBytes }: Line,
  source: DataView,
  start: number,
  sizeBytes: number,
  indexPlace: number,
): number {
  text.reserve(maxOverheadBytes + sizeBytes);
  const { view } = text;
  let at = writePiece(view, text.at, head);
  let from = 0;
  if (index !== undefined) {
    // The text before `index` ends within a word: whatever of the next label is copied along is overwritten.
    at = writePiece(view, copyText(source, start, indexPlace, view, at), index);
    from = indexPlace;
  }
  at = copyText(source, start + from, sizeBytes - from, view, at);
  return tail === undefined ? at : writePiece(view, at - blockEnd.length, tail);
}

export function endLine(text: PagedText, at: number): void {
  text.at = writeLineEnd(text.view, at);
}

export function writeLineEnd(out: DataView, at: number): number {
  out.setUint8(at, lineFeed);
  return at + 1;
}

/** FNV-1a of 32 bits. */
function saltOf(text: string): number {
  return Buffer.from(text).reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), 0x811c9dc5) >>> 0;
}

/** What a block of labels ends with; without columns it is all head. */
const blockEnd = '} ';
const lineFeed = 0x0a;

const tailText = (label: string, value: string): string => `,${label}="${labelValue(value)}"`;

/** `place` counts bytes. */
function insert(text: string, place: number, inserted: string): string {
  const bytes = Buffer.from(text);
  return bytes.toString('utf8', 0, place) + inserted + bytes.toString('utf8', place);
}
