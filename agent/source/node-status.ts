import { type BpfNodeProgram, nodeMessageMaxLength, nodeProgramsMax } from '../../crds/bpf-node.ts';
import { type NodeVerdict, nodeConditions } from '../../crds/reasons.ts';
import { type Condition, setCondition } from '../../runtime/kube/conditions.ts';
import { cutMiddle } from './cut-middle.ts';
import type { NodeStatus } from './resources.ts';
import type { ProgramReport } from './source.ts';

/** The agent, as its node's status names it. */
export interface AgentFacts {
  readonly version: string;
  readonly libbpf: string;
}

/** The kernel, as far as the status tells. */
export interface KernelFacts {
  readonly release: string;
  readonly arch: string;
  readonly btf: boolean;
  readonly lockdown: string;
  readonly features: readonly string[];
  /** Why nothing can be loaded here; undefined when it can. */
  readonly obstacle:
    | { readonly reason: 'PermissionDenied' | 'SeccompBlocked' | 'ProgramTypeUnsupported'; readonly message: string }
    | undefined;
}

export interface NodeStatusInput {
  readonly nodeUID: string | undefined;
  readonly agent: AgentFacts;
  readonly kernel: KernelFacts;
  readonly reports: readonly ProgramReport[];
  readonly phase: 'Starting' | 'Running' | 'Stopping';
}

/** What a BPFNode says, from what its agent knows. `before` are the conditions it has: times move only with a status. */
export function nodeStatus(
  { nodeUID, agent, kernel, reports, phase }: NodeStatusInput,
  before: readonly Condition[],
  nowMs: number,
): NodeStatus {
  const ready = reports.filter(({ state }) => state === 'Ready').length;
  const verdicts: readonly (NodeVerdict & { readonly message: string })[] = [
    phase === 'Running'
      ? { type: 'AgentReady', status: 'True', reason: phase, message: nodeConditions.AgentReady.True[phase] }
      : { type: 'AgentReady', status: 'False', reason: phase, message: nodeConditions.AgentReady.False[phase] },
    kernel.obstacle === undefined
      ? {
          type: 'KernelSupported',
          status: 'True',
          reason: 'Supported',
          message: nodeConditions.KernelSupported.True.Supported,
        }
      : { type: 'KernelSupported', status: 'False', ...kernel.obstacle },
  ];
  return {
    ...(nodeUID !== undefined && { nodeUID }),
    agent: { ...agent },
    kernel: {
      release: kernel.release,
      arch: kernel.arch,
      btf: kernel.btf,
      lockdown: kernel.lockdown,
      features: [...kernel.features],
    },
    desired: reports.length,
    ready,
    summary: `${ready}/${reports.length}`,
    programs: reports
      .toSorted((a, b) => (a.ref < b.ref ? -1 : 1))
      .slice(0, nodeProgramsMax)
      .map(programOf),
    conditions: [...verdicts.reduce((conditions, verdict) => setCondition(conditions, verdict, nowMs), before)],
  };
}

/** Ready goes without saying. */
const programOf = ({ ref, revision, state, reason, message }: ProgramReport): BpfNodeProgram => ({
  ref,
  revision,
  ...(state !== 'Ready' && { state }),
  ...(reason !== undefined && { reason }),
  ...(message !== undefined && { message: cutMiddle(message, nodeMessageMaxLength) }),
});
