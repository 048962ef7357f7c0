import type { BpfNodeProgram } from '../../crds/bpf-node.ts';
import type { BpfNodeObject, ConditionOfObject, NodeObject, PodObject } from '../watch/resources.ts';

/**
 * Whether to believe what a node's report says: `live`, its agent is at work; `unready`, it is not, but may be back in a
 * moment; `unknown`, it has not been for `unknownAfterMs`.
 */
export type NodeHealth = 'live' | 'unready' | 'unknown';

/** All that counters need to know of one node. */
export interface NodeState {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The agent DaemonSet has a place here. */
  readonly eligible: boolean;
  readonly health: NodeHealth;
  /** Its agent has said that it is at work, so reports are to be expected. */
  readonly reporting: boolean;
  /** Sorted by ref. */
  readonly reports: readonly BpfNodeProgram[];
}

/** A node or an agent that is away for less is being restarted (design: operator.md "Status"). */
export const unknownAfterMs = 60_000;

export interface NodeInput {
  readonly node: NodeObject;
  readonly bpfNode: BpfNodeObject | undefined;
  readonly eligible: boolean;
  readonly agent:
    | { readonly type: 'pod'; readonly pod: PodObject }
    /** Since when, in wall time: as first noticed by this process. */
    | { readonly type: 'no-pod'; readonly sinceMs: number }
    /** Agents are started by somebody else, who watches them. */
    | { readonly type: 'external' };
  readonly nowMs: number;
}

export interface NodeOutcome {
  readonly state: NodeState;
  /** When an unready node becomes unknown, unless it comes back. */
  readonly unknownInMs: number | undefined;
}

export function nodeStateOf(input: NodeInput): NodeOutcome {
  const { node, bpfNode, eligible, nowMs } = input;
  const { name, labels = {}, uid } = node.metadata;
  // A Node that was deleted and made again by the same name is another machine: its predecessor's report says nothing.
  const status = bpfNode?.status?.nodeUID === uid ? bpfNode.status : undefined;
  const agentReady = status?.conditions?.find(({ type }) => type === 'AgentReady');

  const causes = [
    unreadySinceMs(conditionOf(node, 'Ready'), nowMs),
    podUnreadySinceMs(input),
    // An agent that was stopped says so; whoever starts it, its programs are off.
    agentReady?.reason === 'Stopping' ? unreadySinceMs(agentReady, nowMs) : undefined,
  ].filter((sinceMs) => sinceMs !== undefined);
  const sinceMs = causes.length === 0 ? undefined : Math.min(...causes, nowMs);
  const leftMs = sinceMs === undefined ? undefined : sinceMs + unknownAfterMs - nowMs;
  const health = leftMs === undefined ? 'live' : leftMs > 0 ? 'unready' : 'unknown';

  return {
    state: {
      name,
      labels,
      eligible,
      health,
      reporting: agentReady?.status === 'True',
      reports: status?.programs ?? [],
    },
    unknownInMs: health === 'unready' ? leftMs : undefined,
  };
}

function podUnreadySinceMs({ agent, nowMs }: NodeInput): number | undefined {
  switch (agent.type) {
    case 'external':
      return undefined;
    case 'no-pod':
      return agent.sinceMs;
    case 'pod':
      return unreadySinceMs(conditionOf(agent.pod, 'Ready'), nowMs, agent.pod.metadata.creationTimestamp);
  }
}

const conditionOf = (object: NodeObject | PodObject, type: string): ConditionOfObject | undefined =>
  object.status?.conditions?.find((condition) => condition.type === type);

/** Undefined while ready. Times are of the API server's clock, and may be a little ahead of ours. */
function unreadySinceMs(
  condition: ConditionOfObject | undefined,
  nowMs: number,
  createdAt?: string,
): number | undefined {
  if (condition?.status === 'True') return undefined;
  const sinceMs = Date.parse(condition?.lastTransitionTime ?? createdAt ?? '');
  return Number.isNaN(sinceMs) ? nowMs : Math.min(sinceMs, nowMs);
}
