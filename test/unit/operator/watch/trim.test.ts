import type { NodeObject, PodObject } from '../../../../operator/watch/resources.ts';
import { trimBpfNode, trimMetadata, trimNode, trimPod } from '../../../../operator/watch/trim.ts';

const metadata = {
  name: 'n1',
  uid: 'u',
  resourceVersion: '7',
  creationTimestamp: '2026-01-01T00:00:00Z',
  generation: 3,
  labels: { a: 'b' },
  annotations: { 'kubectl.kubernetes.io/last-applied-configuration': 'x'.repeat(1000) },
};
const kept = { name: 'n1', uid: 'u', resourceVersion: '7', creationTimestamp: '2026-01-01T00:00:00Z' };
const ready = { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' };

test('annotations go', () => {
  expect(trimMetadata({ metadata: { ...metadata } }).metadata).not.toHaveProperty('annotations');
});

test('a Node keeps labels, taints and readiness', () => {
  const taints = [{ key: 'k', effect: 'NoSchedule' }];
  const node = {
    metadata,
    spec: { taints, podCIDR: '10.0.0.0/24' },
    status: {
      conditions: [
        { ...ready, message: 'kubelet is ready' },
        { type: 'DiskPressure', status: 'False' },
      ],
      images: [1, 2],
    },
  };
  expect(trimNode(node as NodeObject)).toEqual({
    metadata: { ...kept, labels: { a: 'b' } },
    spec: { taints },
    status: { conditions: [ready] },
  });
});

test('a Pod keeps owner, place and readiness', () => {
  const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'd', uid: 'u-d' }];
  const pod = {
    metadata: { ...metadata, namespace: 's', ownerReferences },
    spec: { nodeName: 'n1', containers: [] },
    status: { conditions: [ready] },
  };
  expect(trimPod(pod as PodObject)).toEqual({
    metadata: { ...kept, namespace: 's', ownerReferences },
    spec: { nodeName: 'n1' },
    status: { conditions: [ready] },
  });
});

test('reports are sorted, one for each BPF, whatever an agent writes', () => {
  const programs = [
    { ref: 'b/x', revision: '1' },
    { ref: 'a/x', revision: '2' },
    { ref: 'b/x', revision: '3' },
  ];
  const agentReady = {
    type: 'AgentReady',
    status: 'True' as const,
    reason: 'Running',
    message: '',
    lastTransitionTime: 't',
  };
  const conditions = [{ ...agentReady, type: 'KernelSupported' }, agentReady];
  expect(trimBpfNode({ metadata, status: { nodeUID: 'u', desired: 2, programs, conditions } })).toEqual({
    metadata: kept,
    status: {
      nodeUID: 'u',
      programs: [
        { ref: 'a/x', revision: '2' },
        { ref: 'b/x', revision: '1' },
      ],
      conditions: [agentReady],
    },
  });
  expect(trimBpfNode({ metadata })).toEqual({ metadata: kept });
});
