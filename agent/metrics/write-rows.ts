import { beginLine, endLine, writeLineEnd } from './lines.ts';
import type { Halves } from './numbers.ts';
import { maxRowBytes, type PagedText } from './pages.ts';
import type { Batch } from './read-map.ts';
import type { SeriesLedger } from './series-ledger.ts';
import type { MetricLayout, TableLayout } from './table-layout.ts';
import { sealText, writePiece } from './text.ts';

/** What differs in a row's labels is written here once, then copied into the line of each of its metrics. */
export const newScratch = (): DataView => new DataView(new ArrayBuffer(maxRowBytes));

/**
 * Writes the series of entries `from` to `to` of the batch, each metric's to its own text: those that `ledger` admits.
 * For tables whose entries are distinct, without histograms. Returns how many lines it wrote.
 */
export function writeRows(
  table: TableLayout,
  batch: Batch,
  from: number,
  to: number,
  texts: readonly PagedText[],
  scratch: DataView,
  ledger: SeriesLedger | undefined,
): number {
  const [metric] = table.metrics;
  const [line] = metric?.lines ?? [];
  const [text] = texts;
  if (metric === undefined || line === undefined || text === undefined) return 0;
  const isPlain = table.metrics.length === 1 && metric.lines.length === 1 && line.index === undefined && !line.tail;
  if (isPlain && table.rows === 1) return writeSingle(table, metric, batch, from, to, text, ledger);
  return writeSeveral(table, batch, from, to, texts, scratch, ledger);
}

/** One number an entry: its labels go straight into the line, which is a fifth faster than copying them there. */
function writeSingle(
  { block, reader: { keySizeBytes, strideBytes } }: TableLayout,
  { lines, read, write }: MetricLayout,
  { keys, values }: Batch,
  from: number,
  to: number,
  text: PagedText,
  ledger: SeriesLedger | undefined,
): number {
  const [line] = lines;
  if (line === undefined) return 0;
  const { head, salt } = line;
  const halves: Halves = new Uint32Array(2);
  const maxLineBytes = line.maxOverheadBytes + block.maxRestBytes;
  let written = 0;
  // Copies of what the text says: it is told where it stands before it takes another page, and at the end.
  let { view, at } = text;
  for (let entry = from; entry < to; entry++) {
    if (at + maxLineBytes > view.byteLength) {
      text.at = at;
      text.reserve(maxLineBytes);
      ({ view, at } = text);
    }
    const valueAt = entry * strideBytes;
    const restAt = writePiece(view, at, head);
    const numberAt = block.writeRest(keys, entry * keySizeBytes, values, valueAt, view, restAt);
    if (ledger !== undefined) {
      sealText(view, numberAt);
      ledger.use(view, restAt, numberAt - restAt);
      read(values, valueAt, halves);
      // What stands in the page by now is overwritten by the next line.
      if (!ledger.admits(salt, 1, halves[0] ?? 0, halves[1] ?? 0)) continue;
    }
    at = writeLineEnd(view, write(values, valueAt, view, numberAt));
    written++;
  }
  text.at = at;
  return written;
}

function writeSeveral(
  { block, metrics, reader: { keySizeBytes }, rows, rowBytes }: TableLayout,
  { keys, values }: Batch,
  from: number,
  to: number,
  texts: readonly PagedText[],
  scratch: DataView,
  ledger: SeriesLedger | undefined,
): number {
  const halves: Halves = new Uint32Array(2);
  let written = 0;
  for (let row = from * rows; row < to * rows; row++) {
    const keyAt = rows === 1 ? row * keySizeBytes : Math.floor(row / rows) * keySizeBytes;
    const rowAt = row * rowBytes;
    const sizeBytes = block.writeRest(keys, keyAt, values, rowAt, scratch, 0);
    sealText(scratch, sizeBytes);
    ledger?.use(scratch, 0, sizeBytes);
    for (let m = 0; m < metrics.length; m++) {
      const metric = metrics[m];
      const text = texts[m];
      if (metric === undefined || text === undefined) break;
      const { lines, strideBytes } = metric;
      for (let element = 0; element < lines.length; element++) {
        const line = lines[element];
        if (line === undefined) break;
        const valueAt = rowAt + element * strideBytes;
        if (ledger !== undefined) {
          metric.read(values, valueAt, halves);
          if (!ledger.admits(line.salt, 1, halves[0] ?? 0, halves[1] ?? 0)) continue;
        }
        const at = beginLine(text, line, scratch, 0, sizeBytes, block.indexPlace);
        endLine(text, metric.write(values, valueAt, text.view, at));
        written++;
      }
    }
  }
  return written;
}
