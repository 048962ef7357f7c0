import type { BpfSpec } from '../../../crds/bpf.ts';
import type { BpfRevisionSpec } from '../../../crds/bpf-revision.ts';
import type { BpfObject, RevisionObject } from '../../../operator/watch/resources.ts';
import type { ObjectMeta } from '../../../runtime/kube/objects.ts';

const createdAt = '2026-01-01T00:00:00Z';
export const sha = 'ab'.repeat(32);

export function bpfObject(spec: Partial<BpfSpec> = {}, metadata: Partial<ObjectMeta> = {}): BpfObject {
  const program = { valueFrom: { configMapKeyRef: { name: 'objects', key: 'object' } } };
  return {
    metadata: {
      ...{ namespace: 'apps', name: 'b', uid: 'u-b', resourceVersion: '1', generation: 1 },
      ...{ creationTimestamp: createdAt, ...metadata },
    },
    spec: { program, suspend: false, ...spec },
  };
}

export function revisionObject(name: string, spec: Partial<BpfRevisionSpec> = {}): RevisionObject {
  return {
    metadata: {
      ...{ namespace: 'apps', name, uid: `u-${name}`, resourceVersion: '1', creationTimestamp: createdAt },
      labels: { 'bpf.sh/bpf': 'b' },
      ownerReferences: [{ apiVersion: 'bpf.sh/v1alpha1', kind: 'BPF', name: 'b', uid: 'u-b', controller: true }],
    },
    spec: {
      bpf: { name: 'b', uid: 'u-b', createdAt },
      generation: 1,
      sequence: 1,
      active: true,
      payload: {
        sha256: sha,
        sizeBytes: 10,
        configMap: { namespace: 'bpf-system', name: 'bpf-payload-abababababababab' },
      },
      selector: {},
      jitterMs: 3,
      ...spec,
    },
  };
}
