import type { NodeState } from '../../../operator/nodes/node-state.ts';
import { type Contribution, noContribution } from '../../../operator/status/contribution.ts';
import { Counts } from '../../../operator/status/counts.ts';

export const nodeState = (more: Partial<NodeState> = {}): NodeState => ({
  name: 'n1',
  labels: {},
  eligible: true,
  health: 'live',
  reporting: true,
  reports: [],
  ...more,
});

export const contribution = (more: Partial<Contribution>): Contribution => ({ ...noContribution, ...more });

/** Counters over nodes n1, n2, … that each add one of these. */
export function countsOf(...contributions: readonly Partial<Contribution>[]): Counts {
  const counts = new Counts();
  for (const [i, more] of contributions.entries()) counts.add(`n${i + 1}`, contribution(more));
  return counts;
}

export const ready: Partial<Contribution> = { progress: 'ready', updated: true, listed: true };
export const failed: Partial<Contribution> = {
  progress: 'failed',
  updated: true,
  listed: true,
  trouble: { reason: 'VerifierRejected', message: 'program p: R0 !read_ok' },
};
