import type { ConfigMapContent } from '../../bpf/revision/read-payload.ts';
import { type BpfSpec, type BpfStatus, bpfKind } from '../../crds/bpf.ts';
import { type BpfNodeStatus, bpfNodeKind } from '../../crds/bpf-node.ts';
import { type BpfRevisionSpec, bpfRevisionKind } from '../../crds/bpf-revision.ts';
import { placeOf } from '../../crds/kind.ts';
import type { NodeSelection } from '../../crds/node-selection.ts';
import type { KubeObject } from '../../runtime/kube/objects.ts';
import { defineResource, metadataOf } from '../../runtime/kube/resource.ts';

/** The kinds that the operator reads and writes, each with the part of it that is looked at. */

export interface BpfObject extends KubeObject {
  spec: BpfSpec;
  status?: BpfStatus;
}

export interface RevisionObject extends KubeObject {
  spec: BpfRevisionSpec;
}

export interface BpfNodeObject extends KubeObject {
  status?: BpfNodeStatus;
}

export interface Taint {
  key: string;
  value?: string;
  effect: string;
}

export interface ConditionOfObject {
  type: string;
  status: string;
  lastTransitionTime?: string;
}

export interface NodeObject extends KubeObject {
  spec?: { taints?: Taint[] };
  status?: { conditions?: ConditionOfObject[] };
}

export interface PodObject extends KubeObject {
  spec?: { nodeName?: string };
  status?: { phase?: string; conditions?: ConditionOfObject[] };
}

export interface ConfigMapObject extends KubeObject, ConfigMapContent {
  immutable?: boolean;
}

export interface Toleration {
  key?: string;
  operator?: string;
  value?: string;
  effect?: string;
}

export interface DaemonSetObject extends KubeObject {
  spec: {
    template: {
      spec: NodeSelection & { tolerations?: Toleration[]; hostNetwork?: boolean };
    };
  };
}

export const bpfs = defineResource<BpfObject>(placeOf(bpfKind));
export const bpfRevisions = defineResource<RevisionObject>(placeOf(bpfRevisionKind));
export const bpfNodes = defineResource<BpfNodeObject>(placeOf(bpfNodeKind));

const core = { group: '', version: 'v1' };
const apps = { group: 'apps', version: 'v1', namespaced: true };

export const nodes = defineResource<NodeObject>({ ...core, plural: 'nodes', kind: 'Node', namespaced: false });
export const pods = defineResource<PodObject>({ ...core, plural: 'pods', kind: 'Pod', namespaced: true });
export const configMaps = defineResource<ConfigMapObject>({
  ...core,
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
});
/** All that is ever watched of other people's ConfigMaps. */
export const configMapMetadata = metadataOf(configMaps);
export const daemonSets = defineResource<DaemonSetObject>({ ...apps, plural: 'daemonsets', kind: 'DaemonSet' });
export const replicaSetMetadata = metadataOf({ ...apps, plural: 'replicasets', kind: 'ReplicaSet' });
