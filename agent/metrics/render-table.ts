import type { Merger } from './merge.ts';
import { mergedNumbers, mergeRows, writeMerged } from './merged-rows.ts';
import { BudgetSpent, type Pacer } from './pacer.ts';
import type { PagedText } from './pages.ts';
import type { Batch } from './read-map.ts';
import type { SeriesLedger } from './series-ledger.ts';
import type { TableLayout } from './table-layout.ts';
import { writeRows } from './write-rows.ts';

/** What rendering needs besides the maps; one of each is enough, since tables are rendered in turn. */
export interface RenderTools {
  readonly batch: Batch;
  readonly merger: Merger;
  readonly scratch: DataView;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export interface TableResult {
  /** Entries read. */
  readonly entries: number;
  /** Lines written. */
  readonly series: number;
  /** Entries (or of those their CPUs) whose labels read like another's. */
  readonly merged: number;
}

/** Lines between two looks at the clock. */
const linesPerCheck = 512;

/**
 * Reads a map once and writes each of its metrics to its own text, those series that `ledger` admits. Lets others run
 * in between. Throws what the reader throws, BudgetSpent (also where the text outgrows `maxBytes`), or the reason of the
 * pacer's signal.
 */
export async function renderTable(
  table: TableLayout,
  texts: readonly PagedText[],
  tools: RenderTools,
  pacer: Pacer,
  maxBytes: number,
  ledger?: SeriesLedger,
): Promise<TableResult> {
  const breathe = async (writtenBytes: number): Promise<void> => {
    if (writtenBytes > maxBytes) throw new BudgetSpent(`the scrape would be larger than ${maxBytes} bytes`);
    await pacer.pause();
  };
  const pass = async (steps: Iterable<void>): Promise<void> => {
    for (const _ of steps) if (pacer.due()) await breathe(0);
  };
  if (pacer.due()) await breathe(0);
  pacer.check();
  table.block.refresh();
  ledger?.begin(tools.now());
  const { batch, merger } = tools;
  const numbers = mergedNumbers(table);
  const step = Math.max(1, Math.floor(linesPerCheck / (numbers * table.rows)));
  const stepLines = step * numbers * table.rows;
  const writesAtOnce = table.distinct && table.histograms.length === 0;
  merger.reset(numbers);

  let entries = 0;
  let series = 0;
  let merged = 0;
  const writeAll = async (): Promise<void> => {
    for (let from = 0; from < merger.count; from += step) {
      if (ledger !== undefined) await pass(ledger.reserve(stepLines));
      series += writeMerged(table, from, Math.min(from + step, merger.count), texts, merger, ledger);
      if (pacer.due()) await breathe(sizeOf(texts));
    }
  };
  for (const count of batch.walk(table.reader)) {
    for (let from = 0; from < count; from += step) {
      const to = Math.min(from + step, count);
      if (writesAtOnce) {
        if (ledger !== undefined) await pass(ledger.reserve(stepLines));
        series += writeRows(table, batch, from, to, texts, tools.scratch, ledger);
      } else {
        merged += mergeRows(table, batch, from, to, merger);
      }
      if (table.distinct && !writesAtOnce) {
        await writeAll();
        merger.reset(numbers);
      }
      if (pacer.due()) await breathe(writesAtOnce ? sizeOf(texts) : merger.usedBytes);
    }
    entries += count;
  }
  if (!table.distinct) {
    merged -= merger.count;
    await writeAll();
  }
  if (ledger !== undefined) await pass(ledger.sweep());
  return { entries, series, merged: table.distinct || table.gathers ? 0 : merged };
}

const sizeOf = (texts: readonly PagedText[]): number => texts.reduce((sum, text) => sum + text.sizeBytes, 0);
