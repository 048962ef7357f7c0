import { matchesNode, type NodeFacts } from '../../bpf/revision/matches-node.ts';
import { type BpfRevision, bpfRevisionKind, bpfRevisionSchema } from '../../crds/bpf-revision.ts';
import { apiVersion, bpfLabel } from '../../crds/names.ts';
import type { RevisionObject } from './resources.ts';
import type { RejectedProgram } from './source.ts';

/** A revision that this node should run. */
export interface ChosenRevision {
  /** `namespace/name` of the BPF. */
  readonly ref: string;
  readonly namespace: string;
  /** First 8 hex digits of the hash: what its name ends with. */
  readonly revision: string;
  readonly object: BpfRevision;
}

export interface Choice {
  /** One per BPF, sorted by ref. */
  readonly chosen: readonly ChosenRevision[];
  /** BPFs of which no revision could be read. */
  readonly rejected: readonly RejectedRevision[];
  /** Uids of BPFs that have revisions here and no active one. */
  readonly suspended: readonly string[];
}

export interface RejectedRevision extends RejectedProgram {
  /** Absent where not even that is known. */
  readonly revision?: string;
}

/**
 * Of each BPF the active revision with the highest sequence that admits this node (design: api.md, BPFRevision). Of a BPF
 * that was deleted and made again while revisions of both are there, the younger counts.
 */
export function chooseRevisions(objects: Iterable<RevisionObject>, node: NodeFacts): Choice {
  const best = new Map<string, ChosenRevision>();
  const rejected = new Map<string, RejectedRevision>();
  const [live, idle] = [new Set<string>(), new Set<string>()];
  for (const object of objects) {
    if (object.metadata.deletionTimestamp !== undefined) continue;
    const read = readRevision(object);
    if ('reason' in read) {
      rejected.set(read.ref, read);
      continue;
    }
    const { active, bpf, selector } = read.object.spec;
    (active ? live : idle).add(bpf.uid);
    if (!active || !matchesNode(selector, node)) continue;
    const other = best.get(read.ref);
    if (other === undefined || isAfter(read.object, other.object)) best.set(read.ref, read);
  }
  // What an agent of this version cannot read does not take away what it can.
  for (const ref of best.keys()) rejected.delete(ref);
  return {
    chosen: sortedByRef(best.values()),
    rejected: sortedByRef(rejected.values()),
    suspended: [...idle.difference(live)].sort(),
  };
}

function isAfter({ spec: a }: BpfRevision, { spec: b }: BpfRevision): boolean {
  if (a.bpf.uid === b.bpf.uid) return a.sequence > b.sequence;
  return Date.parse(a.bpf.createdAt) > Date.parse(b.bpf.createdAt);
}

/** Fields that the schema does not have are a newer operator's and are passed over. */
function readRevision(object: RevisionObject): ChosenRevision | RejectedRevision {
  const { name, namespace = '', labels } = object.metadata;
  const [bpf, revision] = namePattern.exec(name)?.slice(1) ?? [];
  // Items of a list carry no apiVersion and kind.
  const parsed = bpfRevisionSchema.safeParse({ ...object, apiVersion, kind: bpfRevisionKind.kind });
  if (parsed.success && revision !== undefined) {
    return { ref: `${namespace}/${parsed.data.spec.bpf.name}`, namespace, revision, object: parsed.data };
  }
  const issues = parsed.error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  const why = issues?.join('; ') ?? 'its name does not end with a hash';
  const message = `read BPFRevision ${namespace}/${name}: ${why} [is the agent as new as the operator?]`;
  const ref = `${namespace}/${labels?.[bpfLabel] ?? bpf ?? name}`;
  return { ref, reason: 'Internal', message, ...(revision !== undefined && { revision }) };
}

/** What bpf/revision `revisionName` makes. */
const namePattern = /^(.+)-([0-9a-f]{8})$/;

const sortedByRef = <T extends { readonly ref: string }>(items: Iterable<T>): T[] =>
  [...items].sort((a, b) => (a.ref < b.ref ? -1 : 1));
