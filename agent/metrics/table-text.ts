import { writeHalves } from './columns.ts';
import type { Digits } from './digits.ts';
import type { Merger } from './merge.ts';
import type { Halves } from './numbers.ts';
import { type PagedText, pageBytes } from './pages.ts';
import type { Batch } from './read-map.ts';
import type { MetricLayout, TableLayout } from './table-layout.ts';
import { copyText, type Piece, sealText, writePiece } from './text.ts';

/** What turning entries into text needs besides them; one of each is enough, since tables are rendered in turn. */
export interface TextTools {
  readonly digits: Digits;
  readonly merger: Merger;
  /** Of `pageBytes`: what differs in an entry's labels is written here once, then copied into the line of each of its metrics. */
  readonly scratch: DataView;
}

export function newScratch(): DataView {
  return new DataView(new ArrayBuffer(pageBytes));
}

/** Writes the series of entries `from` to `to` of the batch, each metric's to its own text. */
export function writeEntries(
  table: TableLayout,
  batch: Batch,
  from: number,
  to: number,
  texts: readonly PagedText[],
  tools: TextTools,
): void {
  const [metric] = table.metrics;
  const [text] = texts;
  if (metric === undefined || text === undefined) return;
  const single = table.metrics.length === 1 && metric.count === 1 && metric.index.length === 0;
  if (single) writeSingle(table, metric, batch, from, to, text);
  else writeSeveral(table, batch, from, to, texts, tools);
}

/** One number an entry: its labels go straight into the line, which is a fifth faster than copying them there. */
function writeSingle(
  { block, reader: { keySizeBytes, strideBytes } }: TableLayout,
  { heads, write, maxOverheadBytes }: MetricLayout,
  { keys, values }: Batch,
  from: number,
  to: number,
  text: PagedText,
): void {
  const [head] = heads;
  if (head === undefined) return;
  const maxLineBytes = maxOverheadBytes + block.maxRestBytes;
  for (let entry = from; entry < to; entry++) {
    text.reserve(maxLineBytes);
    const { view } = text;
    const valueAt = entry * strideBytes;
    const restAt = writePiece(view, text.at, head);
    const numberAt = block.writeRest(keys, entry * keySizeBytes, values, valueAt, view, restAt);
    endLine(text, write(values, valueAt, view, numberAt));
  }
}

function writeSeveral(
  { block, metrics, reader }: TableLayout,
  batch: Batch,
  from: number,
  to: number,
  texts: readonly PagedText[],
  tools: TextTools,
): void {
  const { keys, values } = batch;
  const { scratch } = tools;
  const { keySizeBytes, strideBytes } = reader;
  for (let entry = from; entry < to; entry++) {
    const valueAt = entry * strideBytes;
    const sizeBytes = block.writeRest(keys, entry * keySizeBytes, values, valueAt, scratch, 0);
    sealText(scratch, sizeBytes);
    for (let m = 0; m < metrics.length; m++) {
      const metric = metrics[m];
      const text = texts[m];
      if (metric === undefined || text === undefined) break;
      for (let element = 0; element < metric.count; element++) {
        const at = beginLine(text, metric, element, scratch, 0, sizeBytes, block.indexPlace);
        endLine(text, metric.write(values, valueAt + element * metric.strideBytes, text.view, at));
      }
    }
  }
}

/** Adds entries `from` to `to` of the batch to the series that their labels name. */
export function mergeEntries(
  { block, metrics, reader }: TableLayout,
  batch: Batch,
  from: number,
  to: number,
  { merger }: TextTools,
): void {
  const { keys, values } = batch;
  const halves: Halves = new Uint32Array(2);
  for (let entry = from; entry < to; entry++) {
    const valueAt = entry * reader.strideBytes;
    const start = merger.begin(block.maxRestBytes);
    const end = block.writeRest(keys, entry * reader.keySizeBytes, values, valueAt, merger.text, start);
    const slot = merger.slot(end, block.indexPlace);
    let number = 0;
    for (const metric of metrics) {
      for (let element = 0; element < metric.count; element++) {
        metric.read(values, valueAt + element * metric.strideBytes, halves);
        merger.add(slot, number++, halves);
      }
    }
  }
}

/** Writes the merged series in slots `from` to `to`. */
export function writeMerged(
  { metrics }: TableLayout,
  from: number,
  to: number,
  texts: readonly PagedText[],
  { merger, digits }: TextTools,
): void {
  for (let slot = from; slot < to; slot++) {
    const start = merger.textStart(slot);
    const sizeBytes = merger.textBytes(slot);
    const indexPlace = merger.indexPlace(slot);
    let number = 0;
    for (const [m, metric] of metrics.entries()) {
      const text = texts[m];
      if (text === undefined) break;
      for (let element = 0; element < metric.count; element++, number++) {
        const at = beginLine(text, metric, element, merger.text, start, sizeBytes, indexPlace);
        const low = merger.low(slot, number);
        endLine(text, writeHalves(digits, metric.signed, text.view, at, low, merger.high(slot, number)));
      }
    }
  }
}

/** How many numbers one entry of the table has. */
export function numbersOf(metrics: readonly MetricLayout[]): number {
  return metrics.reduce((sum, metric) => sum + metric.count, 0);
}

/**
 * A line up to its number: the metric's name and labels, the rest of which stands in `source` from `start` on. Returns
 * where to go on.
 */
function beginLine(
  text: PagedText,
  { heads, index, maxOverheadBytes }: MetricLayout,
  element: number,
  source: DataView,
  start: number,
  sizeBytes: number,
  indexPlace: number,
): number {
  text.reserve(maxOverheadBytes + sizeBytes);
  const { view } = text;
  const head = heads[heads.length === 1 ? 0 : element];
  const at = head === undefined ? text.at : writePiece(view, text.at, head);
  if (index.length === 0) return copyText(source, start, sizeBytes, view, at);
  return copyWithIndex(index[element], source, start, sizeBytes, indexPlace, view, at);
}

function copyWithIndex(
  index: Piece | undefined,
  source: DataView,
  start: number,
  sizeBytes: number,
  indexPlace: number,
  out: DataView,
  at: number,
): number {
  // The text before `index` ends within a word: whatever of the next label is copied along is overwritten.
  const before = copyText(source, start, indexPlace, out, at);
  const behind = index === undefined ? before : writePiece(out, before, index);
  return copyText(source, start + indexPlace, sizeBytes - indexPlace, out, behind);
}

function endLine(text: PagedText, at: number): void {
  text.view.setUint8(at, lineFeed);
  text.at = at + 1;
}

const lineFeed = 0x0a;
