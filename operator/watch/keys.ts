import { keyOf } from '../../runtime/kube/objects.ts';
import type { BpfObject, RevisionObject } from './resources.ts';

/** The ConfigMap that a BPF names. */
export const configMapRef = ({ metadata, spec }: BpfObject): { readonly namespace: string; readonly name: string } => ({
  namespace: metadata.namespace ?? '',
  name: spec.program.valueFrom.configMapKeyRef.name,
});

/** The key of the BPF that a revision is of. */
export const bpfKeyOf = ({ metadata, spec }: RevisionObject): string =>
  keyOf({ namespace: metadata.namespace ?? '', name: spec.bpf.name });

/** On the DaemonSet that the operator owns: how it finds one that it must not leave behind. */
export const managedLabel = 'app.kubernetes.io/managed-by';
export const managedLabelValue = 'bpf-operator';
