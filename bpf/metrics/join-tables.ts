import type { TablePlan } from './plan.ts';

/** Tables of one map with the same labels become one, so that the map is read and its labels are written once. */
export function joinTables(tables: readonly TablePlan[]): readonly TablePlan[] {
  const joined = new Map<string, TablePlan>();
  for (const table of tables) {
    const place = placeOf(table, joined.size);
    const other = joined.get(place);
    joined.set(place, other === undefined ? table : join(other, table));
  }
  return [...joined.values()];
}

/** The same for tables that can be joined. A histogram over keys has the map to itself: its entries are no series. */
function placeOf({ map, labels, perCpu, histograms = [] }: TablePlan, place: number): string {
  const alone = histograms.some(({ buckets }) => buckets.kind === 'key') ? place : -1;
  return JSON.stringify([map, labels, perCpu, alone], (_, value: unknown) => {
    if (value instanceof Map) return [...value];
    return typeof value === 'bigint' ? String(value) : value;
  });
}

function join(a: TablePlan, b: TablePlan): TablePlan {
  const histograms = [...(a.histograms ?? []), ...(b.histograms ?? [])];
  return {
    ...a,
    valueSizeBytes: Math.max(a.valueSizeBytes, b.valueSizeBytes),
    metrics: [...a.metrics, ...b.metrics],
    ...(histograms.length > 0 && { histograms }),
  };
}
