import type { MetricsSpec, SeriesSpec } from '../../crds/metrics.ts';
import type { ObjectSpec } from '../object/spec.ts';
import { compileSeries } from './compile-series.ts';
import { joinTables } from './join-tables.ts';
import { defaultPrefix, prefixed, reservedFamily } from './names.ts';
import type { TablePlan } from './plan.ts';
import type { Report } from './series-labels.ts';

/** What is wrong with a line of `spec.metrics`. */
export interface DeclaredFault {
  /** `spec.metrics.series[2].labels[0].field` */
  readonly path: string;
  readonly problem: string;
}

export interface Declared {
  /** To be used only where there are no faults. */
  readonly tables: readonly TablePlan[];
  readonly faults: readonly DeclaredFault[];
  /** What each family's name says: `spec.metrics.series[0]`. A histogram has four names. */
  readonly claims: ReadonlyMap<string, string>;
}

/**
 * The metrics that `spec.metrics.series` declares, checked against the object's BTF (design: metrics.md, "Declared").
 * Series of one map with the same labels make one table, so that it is read once. Pure.
 */
export function declared(object: ObjectSpec, { prefix = defaultPrefix, series = [] }: MetricsSpec): Declared {
  const faults: DeclaredFault[] = [];
  const report: Report = (path, problem) => void faults.push({ path, problem });
  const claims = new Map<string, string>();
  const tables: TablePlan[] = [];
  for (const [i, spec] of series.entries()) {
    const at = `spec.metrics.series[${i}]`;
    claimNames(spec, prefix, at, claims, report);
    const table = compileSeries(object, spec, prefixed(prefix, spec.name), at, report);
    if (table !== undefined) tables.push(table);
  }
  return { tables: joinTables(tables), faults, claims };
}

/** Every name that lines of a series bear: of a histogram also those of its parts. */
const familyNames = (family: string, isHistogram: boolean): readonly string[] =>
  isHistogram ? [family, `${family}_bucket`, `${family}_sum`, `${family}_count`] : [family];

function claimNames(spec: SeriesSpec, prefix: string, at: string, claims: Map<string, string>, report: Report): void {
  const family = prefixed(prefix, spec.name);
  const names = familyNames(family, spec.histogram !== undefined);
  // A histogram called bpf_agent has lines of the agent's: bpf_agent_bucket.
  const [reserved] = names.flatMap((name) => {
    const why = reservedFamily(name);
    return why === undefined ? [] : [`${name}: ${why}`];
  });
  if (reserved !== undefined) report(`${at}.name`, reserved);
  for (const name of names) {
    const other = claims.get(name);
    if (other !== undefined) report(`${at}.name`, `${other} makes ${name} already`);
    else claims.set(name, at);
  }
}
