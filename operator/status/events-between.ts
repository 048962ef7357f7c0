import type { BpfStatus } from '../../crds/bpf.ts';
import type { EventDraft } from '../../runtime/kube/event-object.ts';
import { groupText } from './verdicts.ts';

export type EventText = Pick<EventDraft, 'type' | 'reason' | 'action' | 'note'>;

type ConditionOfStatus = NonNullable<BpfStatus['conditions']>[number];

/**
 * What a person wants to be told of a status that was written over another. Since the old one is what the API server
 * holds, an operator that starts anew says nothing twice.
 */
export function eventsBetween(old: BpfStatus | undefined, next: BpfStatus): EventText[] {
  return [
    ...accepted(old, next),
    ...suspended(old, next),
    ...rolledOut(old, next),
    ...failed(old, next),
    ...degraded(old, next),
  ];
}

function* accepted(old: BpfStatus | undefined, next: BpfStatus): Generator<EventText> {
  const was = conditionOf(old, 'Accepted');
  const is = conditionOf(next, 'Accepted');
  if (is === undefined || (was?.reason === is.reason && was.message === is.message)) return;
  const type = is.status === 'True' ? 'Normal' : 'Warning';
  yield { type, reason: is.reason, action: 'Resolve', note: is.message };
}

function* suspended(old: BpfStatus | undefined, next: BpfStatus): Generator<EventText> {
  if (next.phase !== 'Suspended' || old?.phase === 'Suspended') return;
  yield { type: 'Normal', reason: 'Suspended', action: 'Suspend', note: 'detaching from every node' };
}

function* rolledOut(old: BpfStatus | undefined, next: BpfStatus): Generator<EventText> {
  const was = conditionOf(old, 'Ready');
  const is = conditionOf(next, 'Ready');
  if (is?.status !== 'True' || was?.status === 'True') return;
  yield {
    type: 'Normal',
    reason: 'RolledOut',
    action: 'Rollout',
    note: `revision ${next.revision ?? ''}: ${is.message}`,
  };
}

/** A reason that was there for the same revision is no news, however many nodes it has by now. */
function* failed(old: BpfStatus | undefined, next: BpfStatus): Generator<EventText> {
  const known = old?.revision === next.revision ? (old?.failures ?? []).map(({ reason }) => reason) : [];
  for (const group of next.failures ?? []) {
    if (known.includes(group.reason)) continue;
    yield { type: 'Warning', reason: group.reason, action: 'Rollout', note: groupText(group) };
  }
}

/** Failed nodes have their own Events, which say more. */
function* degraded(old: BpfStatus | undefined, next: BpfStatus): Generator<EventText> {
  const is = conditionOf(next, 'Degraded');
  if (is?.status !== 'True' || is.reason === 'NodesFailed' || is.reason === conditionOf(old, 'Degraded')?.reason)
    return;
  yield { type: 'Warning', reason: is.reason, action: 'Observe', note: is.message };
}

const conditionOf = (status: BpfStatus | undefined, type: string): ConditionOfStatus | undefined =>
  status?.conditions?.find((condition) => condition.type === type);
