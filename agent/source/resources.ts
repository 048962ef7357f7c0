import { type BpfNodeStatus, bpfNodeKind } from '../../crds/bpf-node.ts';
import { bpfRevisionKind } from '../../crds/bpf-revision.ts';
import { placeOf } from '../../crds/kind.ts';
import type { Condition } from '../../runtime/kube/conditions.ts';
import type { KubeObject } from '../../runtime/kube/objects.ts';
import { defineResource, metadataOf } from '../../runtime/kube/resource.ts';

/** The kinds that an agent reads and writes: exactly those that its role grants. */

/** Its spec is checked when it is used (choose-revisions.ts): the agent may be older than the operator. */
export interface RevisionObject extends KubeObject {
  spec?: unknown;
}

/** As JSON has it, where nothing is undefined. */
export type NodeStatus = Omit<BpfNodeStatus, 'conditions'> & { conditions?: Condition[] };

export interface BpfNodeObject extends KubeObject {
  status?: NodeStatus;
}

export interface PayloadObject extends KubeObject {
  /** Base64, as JSON has it. */
  binaryData?: Readonly<Record<string, string>>;
}

export const bpfRevisions = defineResource<RevisionObject>(placeOf(bpfRevisionKind));

export const bpfNodes = defineResource<BpfNodeObject>(placeOf(bpfNodeKind));

/** Name, UID and labels are all that is looked at; a Node's status is large and changes all the time. */
export const nodeMetadata = metadataOf({ group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false });

export const payloadConfigMaps = defineResource<PayloadObject>({
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
});
