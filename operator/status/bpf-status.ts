import type { BpfStatus } from '../../crds/bpf.ts';
import { type Condition, setCondition } from '../../runtime/kube/conditions.ts';
import { Counts } from './counts.ts';
import type { BpfRecord, LivingRecord, TerminatingRecord } from './record.ts';
import { phaseOf, terminatingVerdict, type Verdict, verdictsOf } from './verdicts.ts';

/** The CRD's bounds (design: api.md `failures`). */
const maxFailureGroups = 10;
const maxSampleNodes = 5;
const maxFailureMessageLength = 1024;
const maxConditionMessageLength = 32_768;

export interface StatusInput {
  readonly record: BpfRecord;
  /** Undefined before the BPF's first wish. */
  readonly counts: Counts | undefined;
  /** The status as it stands: times of conditions are kept from it. */
  readonly base: BpfStatus | undefined;
  readonly nowMs: number;
}

/** The whole status of a BPF, as it should be now. */
export function bpfStatusOf({ record, counts = new Counts(), base, nowMs }: StatusInput): BpfStatus {
  return record.terminating
    ? terminatingStatusOf(record, counts, base, nowMs)
    : livingStatusOf(record, counts, base, nowMs);
}

function livingStatusOf(record: LivingRecord, counts: Counts, base: BpfStatus | undefined, nowMs: number): BpfStatus {
  const { generation, wanted, acceptance } = record;
  const situation = { record, counts, fresh: base?.observedGeneration !== generation };
  const verdicts = verdictsOf(situation);
  const { Accepted, Progressing, Ready, Degraded } = verdicts;
  const failures = failuresOf(counts);
  // The object that a refused BPF still runs is the one that was listed when it was accepted.
  const programs = acceptance.accepted ? acceptance.programs : wanted === undefined ? undefined : base?.programs;
  return {
    observedGeneration: generation,
    phase: phaseOf(situation, verdicts),
    ...(wanted === undefined ? {} : { revision: wanted.revision, payload: wanted.payload }),
    ...(programs === undefined ? {} : { programs }),
    nodes: nodesOf(counts),
    ...(failures.length === 0 ? {} : { failures }),
    conditions: conditionsWith(base, [Accepted, Progressing, Ready, Degraded], generation, nowMs),
  };
}

/** What the BPF was before it was deleted stays as it was; only that it goes is news. */
function terminatingStatusOf(
  { generation }: TerminatingRecord,
  counts: Counts,
  base: BpfStatus | undefined,
  nowMs: number,
): BpfStatus {
  const { failures: _, ...kept } = base ?? {};
  return {
    ...kept,
    observedGeneration: generation,
    phase: 'Terminating',
    nodes: nodesOf(counts),
    conditions: conditionsWith(base, [terminatingVerdict(counts)], generation, nowMs),
  };
}

const failuresOf = (counts: Counts): NonNullable<BpfStatus['failures']> =>
  counts.failures(maxFailureGroups, maxSampleNodes).map(({ reason, count, nodes, message }) => ({
    reason,
    count,
    nodes: [...nodes],
    message: cut(message, maxFailureMessageLength),
  }));

function nodesOf(counts: Counts): NonNullable<BpfStatus['nodes']> {
  const { desired, updated } = counts;
  const ready = counts.in('ready');
  return {
    desired,
    updated,
    ready,
    failed: counts.in('failed'),
    unknown: counts.in('unknown'),
    summary: `${ready}/${desired}`,
  };
}

/** The conditions of a status with some of them said anew. */
export function conditionsWith(
  base: BpfStatus | undefined,
  verdicts: readonly Verdict[],
  observedGeneration: number,
  nowMs: number,
): Condition[] {
  let conditions: readonly Condition[] = (base?.conditions ?? []) as Condition[];
  for (const { type, status, reason, message } of verdicts) {
    const text = cut(message, maxConditionMessageLength);
    conditions = setCondition(conditions, { type, status, reason, message: text, observedGeneration }, nowMs);
  }
  return [...conditions];
}

/** The API server counts code points; a message over the bound would cost the whole status. */
function cut(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const characters = [...text];
  return characters.length <= maxLength ? text : `${characters.slice(0, maxLength - 1).join('')}…`;
}
