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
/** And bytes of labels, where a row may have many. */
const textBytesPerCheck = 1 << 20;
/** Entries whose labels are decoded, at most: a hostile pattern takes some milliseconds for one. */
const decodedPerCheck = 16;
/** So long a table waits for names; entries whose names are not here by then have no series in this scrape. */
const maxNamesMs = 2000;

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
  table.block.refresh();
  const render = new TableRender(table, texts, tools, pacer, maxBytes, ledger);
  const { cleanKeys } = table;
  if (table.distinct) return render.stream(undefined);
  if (cleanKeys?.expected === true) {
    const result = await render.stream(cleanKeys);
    if (result !== undefined) return result;
    // Some key was not clean: another one may have given its labels already.
    for (const text of texts) text.release();
    ledger?.abandon();
  }
  return render.merge();
}

class TableRender {
  readonly #table: TableLayout;
  readonly #texts: readonly PagedText[];
  readonly #tools: RenderTools;
  readonly #pacer: Pacer;
  readonly #maxBytes: number;
  readonly #ledger: SeriesLedger | undefined;
  /** Lines that one entry has, and entries between two looks at the clock. */
  readonly #lines: number;
  readonly #step: number;
  #series = 0;

  constructor(
    table: TableLayout,
    texts: readonly PagedText[],
    tools: RenderTools,
    pacer: Pacer,
    maxBytes: number,
    ledger: SeriesLedger | undefined,
  ) {
    this.#table = table;
    this.#texts = texts;
    this.#tools = tools;
    this.#pacer = pacer;
    this.#maxBytes = maxBytes;
    this.#ledger = ledger;
    this.#lines = mergedNumbers(table) * table.rows;
    const byText = textBytesPerCheck / (table.block.maxRestBytes * table.rows);
    this.#step = Math.max(1, Math.floor(Math.min(linesPerCheck / this.#lines, byText)));
  }

  /** Writes entries as they are read. Undefined: `cleanKeys` found one that is not clean, and the texts are of no use. */
  stream(cleanKeys: undefined): Promise<TableResult>;
  stream(cleanKeys: TableLayout['cleanKeys']): Promise<TableResult | undefined>;
  async stream(cleanKeys: TableLayout['cleanKeys']): Promise<TableResult | undefined> {
    const { batch, merger, scratch } = this.#tools;
    const isPlain = this.#table.histograms.length === 0;
    await this.#begin();
    let entries = 0;
    for await (const count of batch.walk(this.#table.reader)) {
      for (let from = 0; from < count; from += this.#step) {
        const to = Math.min(from + this.#step, count);
        if (cleanKeys?.areClean(batch.keys, from, to) === false) {
          cleanKeys.expected = false;
          return undefined;
        }
        if (isPlain) {
          await this.#reserve();
          this.#series += writeRows(this.#table, batch, from, to, this.#texts, scratch, this.#ledger);
        } else {
          merger.reset(mergedNumbers(this.#table));
          await this.#pass(merger.reserve((to - from) * this.#table.rows, this.#table.block.maxRestBytes));
          mergeRows(this.#table, batch, from, to, merger, true);
          await this.#writeMerged();
        }
        if (this.#pacer.due()) await this.#breathe(sizeOf(this.#texts));
      }
      entries += count;
    }
    return this.#end(entries, 0);
  }

  /** Gathers entries by their labels and writes these at the end. */
  async merge(): Promise<TableResult> {
    await this.#waitForNames();
    const missesBefore = this.#misses;
    let gathered = await this.#gather();
    if (this.#misses !== missesBefore) {
      // Some entries are new to those who know names, and without names they were left out.
      await this.#waitForNames();
      gathered = await this.#gather();
    }
    await this.#writeMerged();
    return this.#end(gathered.entries, gathered.merged);
  }

  /** Reads all entries into the merger. */
  async #gather(): Promise<{ readonly entries: number; readonly merged: number }> {
    const { batch, merger } = this.#tools;
    const { rows, block, cleanKeys, gathers } = this.#table;
    await this.#begin();
    merger.reset(mergedNumbers(this.#table));
    let entries = 0;
    let merged = 0;
    let allClean = cleanKeys !== undefined;
    let atOnce = block.isDecoded ? 1 : this.#step;
    for await (const count of batch.walk(this.#table.reader)) {
      for (let from = 0; from < count; from += this.#step) {
        const to = Math.min(from + this.#step, count);
        allClean &&= cleanKeys?.areClean(batch.keys, from, to) === true;
        await this.#pass(merger.reserve((to - from) * rows, block.maxRestBytes));
        for (let at = from, next = from; at < to; at = next) {
          next = Math.min(at + atOnce, to);
          merged += mergeRows(this.#table, batch, at, next, merger, false);
          const due = this.#pacer.due();
          if (block.isDecoded) atOnce = due ? 1 : Math.min(atOnce * 2, decodedPerCheck);
          if (due) await this.#breathe(merger.usedBytes);
        }
      }
      entries += count;
    }
    if (cleanKeys !== undefined) cleanKeys.expected = allClean;
    return { entries, merged: gathers ? 0 : merged - merger.count };
  }

  /** How often labels have met what has no name yet. */
  get #misses(): number {
    return this.#table.block.names.reduce((sum, { misses }) => sum + misses, 0);
  }

  /** Until all that was asked for has been looked for. */
  async #waitForNames(): Promise<void> {
    const preparing = this.#table.block.names.flatMap((names) => names.prepare() ?? []);
    if (preparing.length > 0) await this.#pacer.wait(Promise.all(preparing), maxNamesMs);
  }

  async #begin(): Promise<void> {
    if (this.#pacer.due()) await this.#breathe(0);
    this.#pacer.check();
    this.#series = 0;
    this.#ledger?.begin(this.#tools.now());
  }

  async #end(entries: number, merged: number): Promise<TableResult> {
    if (this.#ledger !== undefined) await this.#pass(this.#ledger.sweep());
    return { entries, series: this.#series, merged };
  }

  async #writeMerged(): Promise<void> {
    const { merger } = this.#tools;
    for (let from = 0; from < merger.count; from += this.#step) {
      await this.#reserve();
      const to = Math.min(from + this.#step, merger.count);
      this.#series += writeMerged(this.#table, from, to, this.#texts, merger, this.#ledger);
      if (this.#pacer.due()) await this.#breathe(sizeOf(this.#texts));
    }
  }

  async #reserve(): Promise<void> {
    if (this.#ledger !== undefined) await this.#pass(this.#ledger.reserve(this.#step * this.#lines));
  }

  async #pass(pieces: Iterable<void>): Promise<void> {
    for (const _ of pieces) if (this.#pacer.due()) await this.#breathe(0);
  }

  async #breathe(writtenBytes: number): Promise<void> {
    if (writtenBytes > this.#maxBytes) {
      throw new BudgetSpent(`the scrape would be larger than ${this.#maxBytes} bytes`);
    }
    await this.#pacer.pause();
  }
}

const sizeOf = (texts: readonly PagedText[]): number => texts.reduce((sum, text) => sum + text.sizeBytes, 0);
