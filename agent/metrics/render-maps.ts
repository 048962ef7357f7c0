import type { MetricPlan, MetricType, TablePlan } from '../../bpf/metrics/plan.ts';
import { CodedError, messageOf } from '../../runtime/errors.ts';
import type { MapReader } from '../kernel/map-reader.ts';
import type { Family } from './families.ts';
import type { ScrapeObserver } from './observer.ts';
import { BudgetSpent, type Pacer } from './pacer.ts';
import { PagedText, type PagePool } from './pages.ts';
import { type RenderTools, renderTable } from './render-table.ts';
import type { SeriesBook } from './series-book.ts';
import type { SeriesLedger } from './series-ledger.ts';
import { type Identity, type LayoutTools, layoutTable, type TableLayout } from './table-layout.ts';

/** A BPF whose maps are exported. */
export interface ExportedBpf {
  /** `namespace/name` */
  readonly ref: string;
  readonly namespace: string;
  readonly name: string;
  /** RFC 3339; decides who keeps a family that another BPF exports with another type. */
  readonly createdAt: string;
  readonly plan: MetricPlan;
  /** By the name in the plan: the map's, or for globals the section's (`.bss`). Read until the BPF is removed. */
  readonly maps: ReadonlyMap<string, MapReader>;
}

/** A BPF made ready for rendering; anew whenever the families are settled anew. */
export interface ReadyBpf {
  readonly bpf: ExportedBpf;
  /** Undefined where its plan limits nothing. */
  readonly book: SeriesBook | undefined;
  readonly tables: readonly ReadyTable[];
}

interface ReadyTable {
  readonly map: string;
  readonly layout: TableLayout | MapMissing;
  readonly ledger: SeriesLedger | undefined;
}

export type MapMissing = CodedError<'MapMissing', { map: string }>;

/** A metric's series from one map. */
export interface Segment {
  readonly family: string;
  readonly text: PagedText;
}

/** More than this is no exposition that a Prometheus could take; what does not fit is cut, and counted. */
export const maxExpositionBytes = 256 << 20;

export function readyBpf(
  bpf: ExportedBpf,
  families: ReadonlyMap<string, Family>,
  node: string,
  book: SeriesBook | undefined,
  tools: LayoutTools,
): ReadyBpf {
  const identity = { node, namespace: bpf.namespace, name: bpf.name };
  const isKept = (family: string, type: MetricType): boolean => families.get(family)?.type === type;
  const tables = bpf.plan.tables.flatMap((table): ReadyTable[] => {
    const metrics = table.metrics.filter(({ family, type }) => isKept(family, type));
    const histograms = (table.histograms ?? []).filter(({ family }) => isKept(family, 'histogram'));
    if (metrics.length + histograms.length === 0) return [];
    const layout = layoutOrWhy(bpf, { ...table, metrics, histograms }, identity, tools);
    return [{ map: table.map, layout, ledger: book?.ledgerOf(table) }];
  });
  return { bpf, book, tables };
}

function layoutOrWhy(
  { ref, maps }: ExportedBpf,
  table: TablePlan,
  identity: Identity,
  tools: LayoutTools,
): TableLayout | MapMissing {
  const reader = maps.get(table.map);
  try {
    const layout = reader && layoutTable(table, reader, identity, tools);
    return (
      layout ??
      missing(ref, table.map, reader ? 'its keys or values have other sizes than planned' : 'the object has none')
    );
  } catch (thrown) {
    return missing(ref, table.map, messageOf(thrown), thrown);
  }
}

/**
 * Writes the series of these BPFs, in their order. A map that cannot be read, or that the budget has no time for, costs
 * its own series only. Rejects with nothing but the reason of the pacer's signal.
 */
export async function renderMaps(
  bpfs: readonly ReadyBpf[],
  pool: PagePool,
  tools: RenderTools,
  observer: ScrapeObserver,
  pacer: Pacer,
): Promise<{ readonly segments: readonly Segment[]; readonly failed: ReadonlySet<ExportedBpf> }> {
  const segments: Segment[] = [];
  const failed = new Set<ExportedBpf>();
  let sizeBytes = 0;
  for (const { bpf, book, tables } of bpfs) {
    let series = 0;
    let merged = 0;
    for (const { map, layout, ledger } of tables) {
      const texts: PagedText[] = [];
      try {
        if (layout instanceof CodedError) throw layout;
        for (const family of layout.families) {
          const text = new PagedText(pool);
          texts.push(text);
          segments.push({ family, text });
        }
        const result = await renderTable(layout, texts, tools, pacer, maxExpositionBytes - sizeBytes, ledger);
        observer.mapRead(bpf, map, result.entries);
        series += result.series;
        merged += result.merged;
        sizeBytes = texts.reduce((sum, text) => sum + text.sizeBytes, sizeBytes);
      } catch (error) {
        // Half of a map is worse than none of it: sums over it would be wrong without anybody knowing.
        for (const text of texts) text.release();
        if (pacer.aborted) {
          for (const { text } of segments) text.release();
          throw error;
        }
        if (error instanceof BudgetSpent) observer.mapCut(bpf, map);
        else {
          failed.add(bpf);
          observer.mapFailed(bpf, map, error);
        }
      }
    }
    observer.bpfWritten(bpf, series, merged, book?.settle() ?? 0);
  }
  return { segments, failed };
}

function missing(ref: string, map: string, why: string, cause?: unknown): MapMissing {
  return new CodedError('MapMissing', `read map ${map} of ${ref}: ${why}`, { map }, cause);
}
