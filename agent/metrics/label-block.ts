import { indexLabel } from '../../bpf/metrics/names.ts';
import { type Column, dropped, type Write } from './columns.ts';
import type { NameSource } from './decoders/fresh.ts';
import type { Digits } from './digits.ts';
import { labelValue, type Piece, pieceOf, wordBytes, writePiece } from './text.ts';

/** A label of every series of a table: the same for all, or written from an entry's bytes. */
export type BlockLabel =
  | { readonly name: string; readonly text: string }
  | { readonly name: string; readonly from: 'key' | 'value'; readonly column: Column };

/**
 * The labels of an entry as text, `{a="1",b="2"} `, in alphabetical order as Prometheus itself shows them. What comes
 * before the first value that differs between entries is the head, which never changes; the rest is written for each
 * entry. The label `index` of a value's elements has its place in either, and is put there by whoever needs it.
 */
export class LabelBlock {
  readonly head: string;
  /** Where in `head` the label `index` belongs; undefined where that is in the rest. */
  readonly indexInHead: number | undefined;
  /** Where `index` belongs in the rest last written, counted from its start. Meaningless where it is in the head. */
  indexPlace = 0;
  /** Most bytes that the rest of one entry can take, with the word that a store may reach beyond. */
  readonly maxRestBytes: number;
  /** Some label is what decoders make of it. */
  readonly isDecoded: boolean;
  /** Where labels have names from; none twice. */
  readonly names: readonly NameSource[];
  readonly #columns: readonly BlockColumn[];
  readonly #digits: Digits;
  readonly #refreshes: readonly (() => void)[];

  constructor(labels: readonly BlockLabel[], digits: Digits) {
    this.#digits = digits;
    const sorted = labels.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    let head: string | undefined;
    let indexInHead: number | undefined;
    let text = '{';
    let indexAt: number | undefined;
    const columns: { column: Column; fromKey: boolean; behind: string; indexAt: number | undefined }[] = [];
    // Ends the text that stands before a column's value, or at the very end.
    const close = (): void => {
      const last = columns.at(-1);
      if (last === undefined) [head, indexInHead] = [text, indexAt];
      else columns.push({ ...(columns.pop() ?? last), behind: text, indexAt });
      text = '';
      indexAt = undefined;
    };
    let indexPlaced = false;
    for (const [i, label] of sorted.entries()) {
      if (i > 0) text += ',';
      if (!indexPlaced && label.name > indexLabel) {
        indexAt = Buffer.byteLength(text);
        indexPlaced = true;
      }
      text += `${label.name}="`;
      if ('column' in label) {
        close();
        columns.push({ column: label.column, fromKey: label.from === 'key', behind: '', indexAt: undefined });
      } else {
        text += labelValue(label.text);
      }
      text += '"';
    }
    text += '} ';
    close();
    this.head = head ?? '';
    this.indexInHead = indexInHead;
    this.#columns = columns.map(({ column, fromKey, behind, indexAt: place }) => ({
      write: column.write,
      unsignedBytes: column.unsigned?.sizeBytes ?? 0,
      offsetBytes: column.unsigned?.offsetBytes ?? 0,
      fromKey,
      behind: pieceOf(behind),
      indexAt: place ?? -1,
    }));
    this.isDecoded = columns.some(({ column }) => column.names !== undefined);
    this.names = Array.from(new Set(columns.flatMap(({ column }) => column.names ?? [])));
    this.#refreshes = columns.flatMap(({ column }) => column.refresh ?? []);
    this.maxRestBytes = columns.reduce(
      (sum, { column, behind }) => sum + column.maxBytes + Buffer.byteLength(behind),
      wordBytes,
    );
  }

  /** To be called before each walk. */
  refresh(): void {
    for (const refresh of this.#refreshes) refresh();
  }

  /** Writes the rest for the entry with this key and value, and returns where it ends; or `dropped`. */
  writeRest(keys: DataView, keyAt: number, values: DataView, valueAt: number, out: DataView, at: number): number {
    const columns = this.#columns;
    const digits = this.#digits;
    let next = at;
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i];
      if (column === undefined) break;
      const source = column.fromKey ? keys : values;
      const from = (column.fromKey ? keyAt : valueAt) + column.offsetBytes;
      // Almost all labels are one of these two, and the compiler sees through a call that is always the same.
      if (column.unsignedBytes === 4) next = digits.u32(out, next, source.getUint32(from, true));
      else if (column.unsignedBytes === 8) {
        next = digits.u64(out, next, source.getUint32(from, true), source.getUint32(from + 4, true));
      } else {
        next = column.write(source, from, out, next);
        if (next < 0) return dropped;
      }
      if (column.indexAt >= 0) this.indexPlace = next + column.indexAt - at;
      next = writePiece(out, next, column.behind);
    }
    return next;
  }
}

interface BlockColumn {
  readonly write: Write;
  /** 4 or 8: it is that number at `offsetBytes`; else 0. */
  readonly unsignedBytes: number;
  readonly offsetBytes: number;
  readonly fromKey: boolean;
  /** What stands between this value and the next. */
  readonly behind: Piece;
  /** Where in `behind` the label `index` belongs, or -1. */
  readonly indexAt: number;
}
