import { BudgetSpent, type Pacer } from './pacer.ts';
import type { PagedText } from './pages.ts';
import type { Batch } from './read-map.ts';
import type { TableLayout } from './table-layout.ts';
import { mergeEntries, numbersOf, type TextTools, writeEntries, writeMerged } from './table-text.ts';

export interface RenderTools extends TextTools {
  readonly batch: Batch;
}

export interface TableResult {
  /** Entries read. */
  readonly entries: number;
  /** Lines written. */
  readonly series: number;
  /** Entries whose labels read like another's. */
  readonly merged: number;
}

/** Lines between two looks at the clock. */
const linesPerCheck = 512;

/**
 * Reads a map once and writes each of its metrics to its own text. Lets others run in between. Throws what the reader
 * throws, BudgetSpent (also where the text outgrows `maxBytes`), or the reason of the pacer's signal.
 */
export async function renderTable(
  table: TableLayout,
  texts: readonly PagedText[],
  tools: RenderTools,
  pacer: Pacer,
  maxBytes: number,
): Promise<TableResult> {
  const numbers = numbersOf(table.metrics);
  const step = Math.max(1, Math.floor(linesPerCheck / numbers));
  const { batch, merger } = tools;
  const breathe = async (writtenBytes: number): Promise<void> => {
    if (writtenBytes > maxBytes) throw new BudgetSpent(`the scrape would be larger than ${maxBytes} bytes`);
    await pacer.pause();
  };
  if (pacer.due()) await breathe(0);
  pacer.check();
  if (!table.distinct) merger.reset(numbers);

  let entries = 0;
  for (const count of batch.walk(table.reader)) {
    for (let from = 0; from < count; from += step) {
      const to = Math.min(from + step, count);
      if (table.distinct) writeEntries(table, batch, from, to, texts, tools);
      else mergeEntries(table, batch, from, to, tools);
      if (pacer.due()) await breathe(table.distinct ? sizeOf(texts) : merger.usedBytes);
    }
    entries += count;
  }
  if (table.distinct) return { entries, series: entries * numbers, merged: 0 };

  for (let from = 0; from < merger.count; from += step) {
    writeMerged(table, from, Math.min(from + step, merger.count), texts, tools);
    if (pacer.due()) await breathe(sizeOf(texts));
  }
  return { entries, series: merger.count * numbers, merged: entries - merger.count };
}

const sizeOf = (texts: readonly PagedText[]): number => texts.reduce((sum, text) => sum + text.sizeBytes, 0);
