import type { EventRegarding } from '../../runtime/kube/event-object.ts';
import { keyOf } from '../../runtime/kube/objects.ts';
import { apiVersionOf } from '../../runtime/kube/resource.ts';
import { type BpfObject, bpfs, type RevisionObject } from './resources.ts';

/** The ConfigMap that a BPF names. */
export const configMapRef = ({ metadata, spec }: BpfObject): { readonly namespace: string; readonly name: string } => ({
  namespace: metadata.namespace ?? '',
  name: spec.program.valueFrom.configMapKeyRef.name,
});

/** The key of the BPF that a revision is of. */
export const bpfKeyOf = ({ metadata, spec }: RevisionObject): string =>
  keyOf({ namespace: metadata.namespace ?? '', name: spec.bpf.name });

/** A BPF, as an Event names it. */
export function regardingOf({ metadata: { name, namespace = '', uid } }: BpfObject): EventRegarding {
  return { apiVersion: apiVersionOf(bpfs), kind: bpfs.kind, name, namespace, uid };
}

/** On the DaemonSet that the operator owns: how it finds one that it must not leave behind. */
export const managedLabel = 'app.kubernetes.io/managed-by';
export const managedLabelValue = 'bpf-operator';
