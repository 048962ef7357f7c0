import type { BpfRevisionSpec } from '../../crds/bpf-revision.ts';
import { jitterMaxMs } from '../../crds/bpf-revision.ts';
import { apiVersion, bpfLabel } from '../../crds/names.ts';
import type { Draft } from '../../runtime/kube/objects.ts';
import { mergePatchBetween } from '../../runtime/kube/status.ts';
import type { BpfObject, RevisionObject } from '../watch/resources.ts';

/** Inactive revisions kept beside the active one, for a look back. */
export const revisionHistoryLimit = 3;

/** Steps, in order: nodes must see the new one before the old one ends. */
export type RevisionStep =
  | { readonly type: 'create'; readonly draft: Draft<RevisionObject> }
  | { readonly type: 'patch'; readonly revision: RevisionObject; readonly patch: object }
  | { readonly type: 'delete'; readonly revision: RevisionObject };

/** A revision by its content, and the name that follows from it. */
export interface WantedContent extends Pick<BpfRevisionSpec, 'payload' | 'template'> {
  readonly name: string;
}

export interface RevisionInput {
  readonly bpf: BpfObject;
  /** Every BPFRevision with the label of this BPF in its namespace. */
  readonly existing: readonly RevisionObject[];
  /** What the BPF says now; undefined when that makes no sense, and then what runs stays as it is. */
  readonly wanted: WantedContent | undefined;
  /** Nodes that will report. */
  readonly nodeCount: number;
}

/** What must change so that nodes run what the BPF says: pure, and empty once they are told to. */
export function planRevisions(input: RevisionInput): readonly RevisionStep[] {
  const { bpf, existing } = input;
  // Of a BPF that was deleted and made again by the same name, only garbage collection is late.
  const ours = existing.filter(({ spec }) => spec.bpf.uid === bpf.metadata.uid);
  const foreign = existing.filter((revision) => !ours.includes(revision));

  const wanted = wantedOf(input, ours);
  const others = ours.filter(({ metadata }) => metadata.name !== wanted?.metadata.name);
  // Rolled out at once: the new one is everybody's, and the others are nobody's.
  const mustEnd = wanted !== undefined || bpf.spec.suspend;
  const inactive = others.filter(({ spec }) => mustEnd || !spec.active);
  const newestFirst = inactive.toSorted((a, b) => b.spec.sequence - a.spec.sequence);
  const ended = newestFirst.slice(0, revisionHistoryLimit).filter(({ spec }) => spec.active);
  const outlived = newestFirst.slice(revisionHistoryLimit);

  return [
    ...(wanted === undefined ? [] : write(ours, wanted)),
    ...ended.flatMap((revision) =>
      write(ours, draftOf(bpf, revision.metadata.name, { ...revision.spec, active: false })),
    ),
    ...[...foreign, ...outlived]
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map((revision): RevisionStep => ({ type: 'delete', revision })),
  ];
}

/** The revision that nodes are told to run, if any. */
export function activeRevision(bpf: BpfObject, existing: readonly RevisionObject[]): RevisionObject | undefined {
  return existing
    .filter(({ spec }) => spec.bpf.uid === bpf.metadata.uid && spec.active)
    .reduce<RevisionObject | undefined>(
      (best, next) => (best && best.spec.sequence > next.spec.sequence ? best : next),
      undefined,
    );
}

function wantedOf(
  { bpf, wanted, nodeCount }: RevisionInput,
  ours: readonly RevisionObject[],
): Draft<RevisionObject> | undefined {
  if (wanted === undefined) return undefined;
  const known = ours.find(({ metadata }) => metadata.name === wanted.name);
  const highest = Math.max(0, ...ours.map(({ spec }) => spec.sequence));
  const { metadata, spec } = bpf;
  return draftOf(bpf, wanted.name, {
    bpf: { name: metadata.name, uid: metadata.uid, createdAt: metadata.creationTimestamp },
    generation: metadata.generation ?? 0,
    // Going back to earlier content is the same revision with a new sequence.
    sequence: known?.spec.sequence === highest ? highest : highest + 1,
    active: !spec.suspend,
    payload: wanted.payload,
    ...(wanted.template !== undefined && { template: wanted.template }),
    selector: {
      ...(spec.nodeSelector === undefined ? {} : { nodeSelector: spec.nodeSelector }),
      ...(spec.affinity === undefined ? {} : { affinity: spec.affinity }),
    },
    // Agents are told of every change: that nodes come and go is not worth one.
    jitterMs: known?.spec.jitterMs ?? Math.min(jitterMaxMs, nodeCount),
  });
}

const draftOf = ({ metadata }: BpfObject, name: string, spec: BpfRevisionSpec): Draft<RevisionObject> => ({
  metadata: {
    name,
    namespace: metadata.namespace ?? '',
    labels: { [bpfLabel]: metadata.name },
    ownerReferences: [{ apiVersion, kind: 'BPF', name: metadata.name, uid: metadata.uid, controller: true }],
  },
  spec,
});

/**
 * A merge patch on top of the state that was read, and not server-side apply: that turns an owned object that becomes
 * empty, as a selector does, into null, which the CRD refuses (kube-apiserver 1.34).
 */
function write(ours: readonly RevisionObject[], draft: Draft<RevisionObject>): RevisionStep[] {
  const revision = ours.find(({ metadata }) => metadata.name === draft.metadata.name);
  if (revision === undefined) return [{ type: 'create', draft }];
  const { labels, ownerReferences = [], uid, resourceVersion } = revision.metadata;
  const owned = ownerReferences.some((owner) => owner.uid === draft.spec.bpf.uid);
  const difference = mergePatchBetween(
    { metadata: { labels: labels ?? {} }, spec: revision.spec },
    { metadata: { labels: { ...labels, ...draft.metadata.labels } }, spec: draft.spec },
  );
  if (owned && difference === undefined) return [];
  const { metadata = {}, spec } = (difference ?? {}) as { metadata?: object; spec?: object };
  const owners = owned ? {} : { ownerReferences: draft.metadata.ownerReferences };
  const patch = { metadata: { uid, resourceVersion, ...metadata, ...owners }, ...(spec === undefined ? {} : { spec }) };
  return [{ type: 'patch', revision, patch }];
}
