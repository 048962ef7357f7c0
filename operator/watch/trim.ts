import type { BpfNodeProgram } from '../../crds/bpf-node.ts';
import type { KubeObject } from '../../runtime/kube/objects.ts';
import type { BpfNodeObject, BpfObject, ConditionOfObject, NodeObject, PodObject } from './resources.ts';

/**
 * What is kept of an object that is cached. 5,000 Nodes as the API server sends them are 100 MiB (images, addresses,
 * annotations); what is read here is a hundredth of that.
 */

/** Annotations hold whole objects (kubectl's last-applied-configuration). */
export function trimMetadata<T extends KubeObject>(object: T): T {
  delete object.metadata.annotations;
  return object;
}

export function trimBpf(object: BpfObject): BpfObject {
  return trimMetadata(object);
}

export function trimNode({ metadata, spec, status }: NodeObject): NodeObject {
  return {
    metadata: { ...identityOf(metadata), labels: metadata.labels ?? {} },
    ...(spec?.taints === undefined ? {} : { spec: { taints: spec.taints } }),
    status: { conditions: readyOnly(status?.conditions) },
  };
}

export function trimPod({ metadata, spec, status }: PodObject): PodObject {
  const { ownerReferences } = metadata;
  return {
    metadata: { ...identityOf(metadata), ...(ownerReferences === undefined ? {} : { ownerReferences }) },
    spec: spec?.nodeName === undefined ? {} : { nodeName: spec.nodeName },
    status: { conditions: readyOnly(status?.conditions) },
  };
}

/** Programs come sorted by ref, one for each, as the API says; an agent that does not keep to it must not break counting. */
export function trimBpfNode({ metadata, status }: BpfNodeObject): BpfNodeObject {
  const { ownerReferences } = metadata;
  const trimmed = {
    metadata: { ...identityOf(metadata), ...(ownerReferences === undefined ? {} : { ownerReferences }) },
  };
  if (status === undefined) return trimmed;
  const { nodeUID, programs, conditions } = status;
  return {
    ...trimmed,
    status: {
      ...(nodeUID === undefined ? {} : { nodeUID }),
      ...(programs === undefined ? {} : { programs: sortedByRef(programs) }),
      ...(conditions === undefined ? {} : { conditions: conditions.filter(({ type }) => type === 'AgentReady') }),
    },
  };
}

const sortedByRef = (programs: readonly BpfNodeProgram[]): BpfNodeProgram[] =>
  programs.toSorted((a, b) => compareText(a.ref, b.ref)).filter(({ ref }, i, sorted) => sorted[i - 1]?.ref !== ref);

/** By UTF-16 code unit, as `<` has it: an order that does not depend on the machine's language. */
export const compareText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

function identityOf(metadata: KubeObject['metadata']): KubeObject['metadata'] {
  const { name, namespace, uid, resourceVersion, creationTimestamp, deletionTimestamp } = metadata;
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    uid,
    resourceVersion,
    creationTimestamp,
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
  };
}

const readyOnly = (conditions: readonly ConditionOfObject[] = []): ConditionOfObject[] =>
  conditions
    .filter(({ type }) => type === 'Ready')
    .map(({ type, status, lastTransitionTime }) => ({
      type,
      status,
      ...(lastTransitionTime === undefined ? {} : { lastTransitionTime }),
    }));
