import { matchesNode } from '../../bpf/revision/matches-node.ts';
import type { NodeSelection } from '../../crds/node-selection.ts';
import type { NodeObject, Taint, Toleration } from '../watch/resources.ts';

/** Where the Pods of a DaemonSet may go: the fields of its Pod template that say so. */
export type Placement = NodeSelection & {
  readonly tolerations?: readonly Toleration[];
  readonly hostNetwork?: boolean;
};

/** What the DaemonSet controller adds to its Pods (k8s.io/kubernetes pkg/controller/daemon/util AddOrUpdateDaemonPodTolerations). */
const daemonTolerations: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];
const hostNetworkToleration: Toleration = {
  key: 'node.kubernetes.io/network-unavailable',
  operator: 'Exists',
  effect: 'NoSchedule',
};

/**
 * Whether a node has, or is to have, an agent: it runs Linux and, of a DaemonSet, its selector, affinity and tolerations
 * allow it, as the DaemonSet controller decides (pkg/controller/daemon NodeShouldRunDaemonPod). `running`: an agent is
 * there already, which only a NoExecute taint would end.
 */
export function isEligible(placement: Placement | undefined, node: NodeObject, running: boolean): boolean {
  const { name, labels = {} } = node.metadata;
  if ((labels['kubernetes.io/os'] ?? 'linux') !== 'linux') return false;
  if (placement === undefined) return true;
  const { tolerations = [], hostNetwork = false } = placement;
  const all = [...tolerations, ...daemonTolerations, ...(hostNetwork ? [hostNetworkToleration] : [])];
  const effects = running ? ['NoExecute'] : ['NoExecute', 'NoSchedule'];
  const taints = (node.spec?.taints ?? []).filter(({ effect }) => effects.includes(effect));
  return (
    matchesNode(placement, { name, labels }) &&
    taints.every((taint) => all.some((toleration) => tolerates(toleration, taint)))
  );
}

/** k8s.io/api core/v1 Toleration.ToleratesTaint: an empty effect or key holds for all. */
function tolerates({ key = '', operator = 'Equal', value = '', effect = '' }: Toleration, taint: Taint): boolean {
  if (effect !== '' && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  return operator === 'Exists' || (operator === 'Equal' && value === (taint.value ?? ''));
}
