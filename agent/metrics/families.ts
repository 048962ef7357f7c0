import type { MetricPlan, MetricType, TablePlan } from '../../bpf/metrics/plan.ts';

/** What decides who keeps a family that two BPFs export with different types. */
export interface FamilyClaimant {
  /** `namespace/name` */
  readonly ref: string;
  readonly namespace: string;
  readonly name: string;
  /** RFC 3339; what is no time counts as the earliest. */
  readonly createdAt: string;
  readonly plan: MetricPlan;
}

/** The series of `family` that `ref` has are left out, since `keptBy` exports it with another type. */
export interface MetricConflict {
  readonly ref: string;
  readonly family: string;
  readonly keptBy: string;
}

export interface Family {
  readonly type: MetricType;
  readonly help: string;
  readonly keptBy: string;
}

type Claim = Pick<Family, 'type' | 'help'> & { readonly family: string };

export interface Families {
  readonly byName: ReadonlyMap<string, Family>;
  readonly conflicts: readonly MetricConflict[];
}

/**
 * A family has one type and one help in a scrape: those of the BPF with the earliest `createdAt`, then the first by
 * namespace and name. Others add series to it where their type is the same. A histogram has the names of its lines, too.
 */
export function settleFamilies(claimants: Iterable<FamilyClaimant>): Families {
  const byName = new Map<string, Family>();
  /** By name of a line, the family that writes it. */
  const writers = new Map<string, string>();
  const conflicts: MetricConflict[] = [];
  for (const { ref, plan } of Array.from(claimants).toSorted(bySeniority)) {
    for (const { family, type, help } of plan.tables.flatMap(rowsOf)) {
      const kept = byName.get(family);
      if (kept?.type === type) continue;
      const names = lineNames(family, type);
      const writer = names.map((name) => writers.get(name)).find((found) => found !== undefined);
      const keeper = writer === undefined ? undefined : byName.get(writer);
      if (keeper !== undefined) conflicts.push({ ref, family, keptBy: keeper.keptBy });
      else {
        byName.set(family, { type, help, keptBy: ref });
        for (const name of names) writers.set(name, family);
      }
    }
  }
  return { byName, conflicts };
}

function rowsOf({ metrics, histograms = [] }: TablePlan): readonly Claim[] {
  return [...metrics, ...histograms.map(({ family, help }) => ({ family, help, type: 'histogram' as const }))];
}

function lineNames(family: string, type: MetricType): readonly string[] {
  return type === 'histogram' ? [family, `${family}_bucket`, `${family}_sum`, `${family}_count`] : [family];
}

/** By namespace, then name: the order of series within a family. */
export function byName(a: FamilyClaimant, b: FamilyClaimant): number {
  return compare(a.namespace, b.namespace) || compare(a.name, b.name);
}

function bySeniority(a: FamilyClaimant, b: FamilyClaimant): number {
  return timeOf(a) - timeOf(b) || byName(a, b);
}

function timeOf({ createdAt }: FamilyClaimant): number {
  const time = Date.parse(createdAt);
  return Number.isNaN(time) ? 0 : time;
}

/** By code unit, so that the order is the same in every locale. */
export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
