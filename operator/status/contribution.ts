import { matchesNode } from '../../bpf/revision/matches-node.ts';
import type { BpfNodeProgram } from '../../crds/bpf-node.ts';
import type { NodeSelection } from '../../crds/node-selection.ts';
import type { NodeState } from '../nodes/node-state.ts';

/** What one BPF wants of nodes. */
export interface Wish {
  /** `namespace/name` of the BPF. */
  readonly ref: string;
  /** First 8 hex digits of the hash of what nodes should run; undefined when they should run nothing. */
  readonly revision: string | undefined;
  readonly selection: NodeSelection;
}

/** `waiting`: no report yet, and no agent that could report. `pending`: no report yet from an agent at work. */
export type Progress = 'ready' | 'failed' | 'unknown' | 'waiting' | 'pending';

export interface Trouble {
  readonly reason: string;
  readonly message: string;
}

/** What one node adds to the counters of one BPF. */
export interface Contribution {
  /** Undefined: not a node that should run it. */
  readonly progress: Progress | undefined;
  /** It has reported on the wanted revision. */
  readonly updated: boolean;
  /** A live agent names the BPF, whatever its revision and state: it has not let go of it. */
  readonly listed: boolean;
  /** Why it failed; beside `ready`, a warning. */
  readonly trouble: Trouble | undefined;
}

export const noContribution: Contribution = {
  progress: undefined,
  updated: false,
  listed: false,
  trouble: undefined,
};

export function contributionOf(wish: Wish, node: NodeState): Contribution {
  const report = reportOf(node.reports, wish.ref);
  const listed = report !== undefined && node.health === 'live';
  const selected = wish.revision !== undefined && node.eligible && matchesNode(wish.selection, node);
  if (!selected) return listed ? { ...noContribution, listed } : noContribution;

  const current = report?.revision === wish.revision ? report : undefined;
  const state = current === undefined ? 'Pending' : (current.state ?? 'Ready');
  const updated = state !== 'Pending';
  if (node.health === 'unknown') return { progress: 'unknown', updated, listed, trouble: undefined };
  if (current === undefined || !updated) {
    const waiting = node.health === 'unready' || !node.reporting;
    return { progress: waiting ? 'waiting' : 'pending', updated, listed, trouble: undefined };
  }
  const progress = state === 'Ready' ? 'ready' : 'failed';
  return { progress, updated, listed, trouble: troubleOf(current, progress) };
}

function troubleOf({ reason, message = '' }: BpfNodeProgram, progress: 'ready' | 'failed'): Trouble | undefined {
  if (reason === undefined) return progress === 'failed' ? { reason: 'Internal', message } : undefined;
  return { reason, message };
}

/** Binary search: a node has up to 1,024 reports, and each of hundreds of BPFs looks for its own. */
export function reportOf(reports: readonly BpfNodeProgram[], ref: string): BpfNodeProgram | undefined {
  let low = 0;
  let high = reports.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const report = reports[middle];
    if (report === undefined || report.ref === ref) return report;
    if (report.ref < ref) low = middle + 1;
    else high = middle;
  }
  return undefined;
}

export function sameContribution(a: Contribution, b: Contribution): boolean {
  return (
    a.progress === b.progress &&
    a.updated === b.updated &&
    a.listed === b.listed &&
    a.trouble?.reason === b.trouble?.reason &&
    a.trouble?.message === b.trouble?.message
  );
}
