import { behindBuckets, type ElementLines, type HistogramLayout } from './histogram-layout.ts';
import { beginLine, endLine, type Line } from './lines.ts';
import type { Merger } from './merge.ts';
import { addTo, type Halves } from './numbers.ts';
import type { PagedText } from './pages.ts';
import type { Batch } from './read-map.ts';
import type { SeriesLedger } from './series-ledger.ts';
import type { TableLayout } from './table-layout.ts';

/** How many numbers a slot of the merger holds for this table: its metrics', then its histograms'. */
export function mergedNumbers({ metrics, histograms }: TableLayout): number {
  return (
    metrics.reduce((sum, { lines }) => sum + lines.length, 0) +
    histograms.reduce((sum, { elements, width }) => sum + elements.length * width, 0)
  );
}

/**
 * Adds the rows of entries `from` to `to` of the batch to the series that their labels name; `distinct` ones each to a
 * new one. Returns how many rows had a series.
 */
export function mergeRows(
  table: TableLayout,
  batch: Batch,
  from: number,
  to: number,
  merger: Merger,
  distinct: boolean,
): number {
  const { block, metrics, histograms, rows, rowBytes } = table;
  const { keySizeBytes } = table.reader;
  const { keys, values } = batch;
  const halves: Halves = new Uint32Array(2);
  let merged = 0;
  for (let row = from * rows; row < to * rows; row++) {
    const keyAt = Math.floor(row / rows) * keySizeBytes;
    const rowAt = row * rowBytes;
    if (metrics.length === 0 && !histograms.some((histogram) => takes(histogram, keys, keyAt))) continue;
    const start = merger.begin();
    const end = block.writeRest(keys, keyAt, values, rowAt, merger.text, start);
    if (end < 0) continue;
    merged++;
    const slot = distinct ? merger.newSlot(end, block.indexPlace) : merger.slot(end, block.indexPlace);
    let number = 0;
    for (const { lines, strideBytes, read, isGauge } of metrics) {
      for (let element = 0; element < lines.length; element++, number++) {
        read(values, rowAt + element * strideBytes, halves);
        if (isGauge) merger.set(slot, number, halves);
        else merger.add(slot, number, halves);
      }
    }
    for (const histogram of histograms) {
      gather(histogram, batch, keyAt, rowAt, merger, slot, number, halves);
      number += histogram.elements.length * histogram.width;
    }
  }
  return merged;
}

const takes = ({ source }: HistogramLayout, keys: DataView, keyAt: number): boolean =>
  source.kind === 'slots' || source.placeOf(keys, keyAt) !== undefined;

/** Adds what one row says of a histogram to the slot's numbers from `first` on. */
function gather(
  { source, elements, strideBytes, buckets, width }: HistogramLayout,
  { keys, values }: Batch,
  keyAt: number,
  rowAt: number,
  merger: Merger,
  slot: number,
  first: number,
  halves: Halves,
): void {
  if (source.kind === 'key') {
    const place = source.placeOf(keys, keyAt);
    if (place === undefined) return;
    source.read(values, rowAt, halves);
    merger.add(slot, first + place, halves);
    return;
  }
  for (let element = 0; element < elements.length; element++) {
    const elementAt = rowAt + element * strideBytes;
    const number = first + element * width;
    for (let i = 0; i < source.count; i++) {
      source.read(values, elementAt + i * source.strideBytes, halves);
      merger.add(slot, number + Math.min(i, buckets), halves);
    }
    if (source.sum !== undefined) {
      source.sum(values, elementAt, halves);
      merger.add(slot, number + buckets + behindBuckets.sum, halves);
    }
    if (source.total !== undefined) {
      source.total(values, elementAt, halves);
      merger.add(slot, number + buckets + behindBuckets.total, halves);
    }
  }
}

/** Writes the merged series in slots `from` to `to` that `ledger` admits. Returns how many lines that were. */
export function writeMerged(
  table: TableLayout,
  from: number,
  to: number,
  texts: readonly PagedText[],
  merger: Merger,
  ledger: SeriesLedger | undefined,
): number {
  let written = 0;
  for (let slot = from; slot < to; slot++) {
    ledger?.use(merger.text, merger.textStart(slot), merger.textBytes(slot));
    written += writeSlot(table, slot, texts, merger, ledger);
  }
  return written;
}

function writeSlot(
  { metrics, histograms }: TableLayout,
  slot: number,
  texts: readonly PagedText[],
  merger: Merger,
  ledger: SeriesLedger | undefined,
): number {
  let number = 0;
  let written = 0;
  for (let m = 0; m < metrics.length; m++) {
    const metric = metrics[m];
    const text = texts[m];
    if (metric === undefined || text === undefined) break;
    for (const line of metric.lines) {
      const low = merger.low(slot, number);
      const high = merger.high(slot, number++);
      if (ledger !== undefined && !ledger.admits(line.salt, 1, low, high)) continue;
      const at = beginMerged(text, line, merger, slot);
      endLine(text, metric.writeNumber(text.view, at, low, high));
      written++;
    }
  }
  for (let h = 0; h < histograms.length; h++) {
    const histogram = histograms[h];
    const text = texts[metrics.length + h];
    if (histogram === undefined || text === undefined) break;
    for (const lines of histogram.elements) {
      const count = histogram.buckets + (histogram.hasSum ? 3 : 2);
      if (ledger === undefined || isAdmitted(histogram, lines, count, merger, slot, number, ledger)) {
        writeHistogram(histogram, lines, text, merger, slot, number);
        written += count;
      }
      number += histogram.width;
    }
  }
  return written;
}

const beginMerged = (text: PagedText, line: Line, merger: Merger, slot: number): number =>
  beginLine(text, line, merger.text, merger.textStart(slot), merger.textBytes(slot), merger.indexPlace(slot));

function isAdmitted(
  { width }: HistogramLayout,
  { count }: ElementLines,
  lines: number,
  merger: Merger,
  slot: number,
  first: number,
  ledger: SeriesLedger,
): boolean {
  let low = 0;
  let high = 0;
  for (let number = first; number < first + width; number++) {
    low = Math.imul(low ^ merger.low(slot, number), 0x9e3779b1) ^ merger.high(slot, number);
    high = Math.imul(high, 0x85ebca6b) + merger.low(slot, number);
  }
  return ledger.admits(count.salt, lines, low >>> 0, high >>> 0);
}

/** One histogram, whose numbers stand in the slot from `first` on. */
function writeHistogram(
  histogram: HistogramLayout,
  lines: ElementLines,
  text: PagedText,
  merger: Merger,
  slot: number,
  first: number,
): void {
  const { buckets, writeCount, writeSum, hasSum } = histogram;
  const behind = first + buckets;
  const sofar: Halves = new Uint32Array(2);
  const next: Halves = new Uint32Array(2);
  for (let i = 0; i < lines.buckets.length; i++) {
    const line = lines.buckets[i];
    if (line === undefined) break;
    // Behind the last bound lies what is beyond all: `+Inf`.
    next[0] = merger.low(slot, first + i);
    next[1] = merger.high(slot, first + i);
    addTo(sofar, 0, next);
    if (i === buckets) raiseTo(sofar, merger, slot, behind + behindBuckets.total);
    const at = beginMerged(text, line, merger, slot);
    endLine(text, writeCount(text.view, at, sofar[0] ?? 0, sofar[1] ?? 0));
  }
  if (hasSum) {
    const low = merger.low(slot, behind + behindBuckets.sum);
    const high = merger.high(slot, behind + behindBuckets.sum);
    const at = beginMerged(text, lines.sum, merger, slot);
    endLine(text, writeSum(text.view, at, low, high));
  }
  const at = beginMerged(text, lines.count, merger, slot);
  endLine(text, writeCount(text.view, at, sofar[0] ?? 0, sofar[1] ?? 0));
}

/** The slot's number, where that is larger: a map that counts all may know of more than its slots show. */
function raiseTo(sofar: Halves, merger: Merger, slot: number, number: number): void {
  const low = merger.low(slot, number);
  const high = merger.high(slot, number);
  const difference = high - (sofar[1] ?? 0) || low - (sofar[0] ?? 0);
  if (difference <= 0) return;
  sofar[0] = low;
  sofar[1] = high;
}
