import type { BpfConditionType, BpfVerdict, Phase } from '../../crds/reasons.ts';
import type { Counts, TroubleGroup } from './counts.ts';
import type { LivingRecord } from './record.ts';

/** One condition, but for times: what holds, why in one word, and why for people. */
export type Verdict<Type extends BpfConditionType = BpfConditionType> = Extract<BpfVerdict, { readonly type: Type }> & {
  readonly message: string;
};

export interface Verdicts {
  readonly Accepted: Verdict<'Accepted'>;
  readonly Progressing: Verdict<'Progressing'>;
  readonly Ready: Verdict<'Ready'>;
  readonly Degraded: Verdict<'Degraded'>;
}

export interface Situation {
  readonly record: LivingRecord;
  readonly counts: Counts;
  /** The status that is there is about an earlier generation. */
  readonly fresh: boolean;
}

/** The conditions of a BPF that is not being deleted (design: api.md, tables and rules). Each function is one row of the table, first match wins. */
export function verdictsOf(situation: Situation): Verdicts {
  return {
    Accepted: acceptedOf(situation),
    Progressing: progressingOf(situation),
    Ready: readyOf(situation),
    Degraded: degradedOf(situation),
  };
}

export function phaseOf({ record }: Situation, { Degraded, Progressing, Ready }: Verdicts): Phase {
  if (record.suspended) return 'Suspended';
  if (Degraded.status === 'True') return 'Degraded';
  if (!record.acceptance.accepted) return record.wanted === undefined ? 'Pending' : 'Degraded';
  if (Progressing.status === 'True') return 'Progressing';
  return Ready.status === 'True' ? 'Ready' : 'Pending';
}

function acceptedOf({ record: { acceptance, wanted } }: Situation): Verdict<'Accepted'> {
  if (!acceptance.accepted) {
    const still = wanted === undefined ? '' : ` [revision ${wanted.revision} stays]`;
    return { type: 'Accepted', status: 'False', reason: acceptance.reason, message: acceptance.message + still };
  }
  const pinned = `object ${wanted?.payload.sha256.slice(0, 16) ?? ''} is pinned as revision ${wanted?.revision ?? ''}`;
  const message = [pinned, ...acceptance.warnings.map((warning) => `warning: ${warning}`)].join('; ');
  return { type: 'Accepted', status: 'True', reason: 'Accepted', message };
}

function progressingOf({ record, counts, fresh }: Situation): Verdict<'Progressing'> {
  const type = 'Progressing';
  const { desired } = counts;
  if (record.suspended) return { type, status: 'False', reason: 'Suspended', message: suspendedText(counts) };
  if (!record.acceptance.accepted)
    return { type, status: 'False', reason: 'NotAccepted', message: 'nothing to roll out' };
  if (fresh && desired > 0) {
    const message = `generation ${record.generation} was accepted`;
    return { type, status: 'True', reason: 'RolloutInProgress', message };
  }
  const pending = counts.in('pending');
  const waiting = counts.in('waiting');
  if (pending > 0) {
    const message = `${nodesOf(pending + waiting, desired)} have still to report`;
    return { type, status: 'True', reason: 'RolloutInProgress', message };
  }
  if (waiting > 0) {
    const message = `${nodesOf(waiting, desired)} have no agent that could report`;
    return { type, status: 'True', reason: 'WaitingForNodes', message };
  }
  return {
    type,
    status: 'False',
    reason: 'RolloutComplete',
    message: `${nodesOf(counts.updated, desired)} have reported`,
  };
}

function readyOf({ record, counts, fresh }: Situation): Verdict<'Ready'> {
  const type = 'Ready';
  const status = 'False';
  const { desired } = counts;
  const ready = counts.in('ready');
  const failed = counts.in('failed');
  const unknown = counts.in('unknown');
  if (record.suspended) return { type, status, reason: 'Suspended', message: suspendedText(counts) };
  if (!record.acceptance.accepted) {
    return {
      type,
      status,
      reason: 'NotAccepted',
      message: `${record.acceptance.reason}: ${record.acceptance.message}`,
    };
  }
  if (desired === 0) {
    const message = 'no node is selected by nodeSelector and affinity and eligible for an agent';
    return { type, status, reason: 'NoMatchingNodes', message };
  }
  // Whoever waits for Ready after an edit must not be answered by what was true before it.
  if (fresh) return { type, status, reason: 'AwaitingNodes', message: `generation ${record.generation} was accepted` };
  if (failed > 0) {
    const all = failed === desired - unknown;
    const message = `failed on ${nodesOf(failed, desired)}: ${failuresText(counts)}`;
    return { type, status, reason: all ? 'AllNodesFailed' : 'SomeNodesFailed', message };
  }
  if (ready === 0 || counts.in('pending') + counts.in('waiting') > 0) {
    return { type, status, reason: 'AwaitingNodes', message: `${ready} of ${desired} nodes run it` };
  }
  const besides = unknown === 0 ? '' : `, ${unknown} of them not heard of`;
  return { type, status: 'True', reason: 'AllNodesReady', message: `${ready} of ${desired} nodes run it${besides}` };
}

function degradedOf({ record, counts }: Situation): Verdict<'Degraded'> {
  const type = 'Degraded';
  const { desired } = counts;
  const failed = counts.in('failed');
  const unknown = counts.in('unknown');
  if (failed > 0) {
    const message = `failed on ${nodesOf(failed, desired)}: ${failuresText(counts)}`;
    return { type, status: 'True', reason: 'NodesFailed', message };
  }
  if (unknown > 0) {
    const message = `${nodesOf(unknown, desired)}, or their agents, have not been ready for a minute`;
    return { type, status: 'True', reason: 'NodesUnreachable', message };
  }
  const warnings = counts.warnings(maxReasons, maxNamedNodes);
  for (const reason of ['MetricConflict', 'SeriesLimited'] as const) {
    const warning = warnings.find((group) => group.reason === reason);
    if (warning !== undefined) return { type, status: 'True', reason, message: groupText(warning) };
  }
  // A refused edit needs a person too; that is said by Accepted, and by the phase.
  const message = record.acceptance.accepted ? 'nothing to do' : 'nothing to do on nodes; see Accepted';
  return { type, status: 'False', reason: 'AsExpected', message };
}

/** There are as many groups as node reasons, and about twenty of those. */
const maxReasons = 64;
/** Enough to go and look; the BPFNodes have them all. */
const maxNamedNodes = 3;
/** A condition's message is read in a terminal. */
const maxGroupsInText = 3;

const failuresText = (counts: Counts): string =>
  counts.failures(maxGroupsInText, maxNamedNodes).map(groupText).join('; ');

/** `VerifierRejected on 2 nodes (n7, n9): program handle_switch: …` */
export function groupText({ reason, count, nodes, message }: TroubleGroup): string {
  const names = nodes.join(', ') + (count > nodes.length ? ', …' : '');
  return `${reason} on ${count} ${count === 1 ? 'node' : 'nodes'} (${names}): ${message}`;
}

const nodesOf = (some: number, all: number): string => `${some} of ${all} nodes`;

const suspendedText = ({ listed }: Counts): string =>
  listed === 0 ? 'spec.suspend is true' : `spec.suspend is true; ${listed} nodes have still to let go`;

export const terminatingVerdict = ({ listed }: Counts): Verdict<'Ready'> => ({
  type: 'Ready',
  status: 'False',
  reason: 'Terminating',
  message: listed === 0 ? 'no node has it any more' : `${listed} nodes have still to let go`,
});
