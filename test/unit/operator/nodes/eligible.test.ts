import { isEligible, type Placement } from '../../../../operator/nodes/eligible.ts';
import type { NodeObject, Taint } from '../../../../operator/watch/resources.ts';

const node = (labels: Record<string, string> = {}, ...taints: Taint[]): NodeObject => ({
  metadata: { name: 'n1', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', labels },
  spec: { taints },
});
const taint = (effect: string, key = 'gpu', value = 'yes'): Taint => ({ key, value, effect });
const tolerating = (...tolerations: NonNullable<Placement['tolerations']>): Placement => ({ tolerations });

test.each<[string, Placement | undefined, NodeObject, boolean]>([
  ['Linux', {}, node({ 'kubernetes.io/os': 'linux' }), true],
  ['Windows', {}, node({ 'kubernetes.io/os': 'windows' }), false],
  ['not said', {}, node(), true],
  ['no template', undefined, node({}, taint('NoExecute')), true],
  ['Windows, no template', undefined, node({ 'kubernetes.io/os': 'windows' }), false],
  ['selected', { nodeSelector: { disk: 'ssd' } }, node({ disk: 'ssd' }), true],
  ['not selected', { nodeSelector: { disk: 'ssd' } }, node({ disk: 'hdd' }), false],
  ['NoSchedule', {}, node({}, taint('NoSchedule')), false],
  ['NoExecute', {}, node({}, taint('NoExecute')), false],
  ['PreferNoSchedule', {}, node({}, taint('PreferNoSchedule')), true],
  ['everything tolerated', tolerating({ operator: 'Exists' }), node({}, taint('NoExecute'), taint('NoSchedule')), true],
  ['by key', tolerating({ key: 'gpu', operator: 'Exists' }), node({}, taint('NoExecute')), true],
  ['by another key', tolerating({ key: 'cpu', operator: 'Exists' }), node({}, taint('NoExecute')), false],
  ['by value', tolerating({ key: 'gpu', value: 'yes' }), node({}, taint('NoExecute')), true],
  ['by another value', tolerating({ key: 'gpu', value: 'no' }), node({}, taint('NoExecute')), false],
  [
    'by effect',
    tolerating({ key: 'gpu', operator: 'Exists', effect: 'NoExecute' }),
    node({}, taint('NoExecute')),
    true,
  ],
  [
    'by another effect',
    tolerating({ key: 'gpu', operator: 'Exists', effect: 'NoExecute' }),
    node({}, taint('NoSchedule')),
    false,
  ],
  [
    'one of two taints',
    tolerating({ key: 'gpu', operator: 'Exists' }),
    node({}, taint('NoSchedule'), taint('NoSchedule', 'x')),
    false,
  ],
  ['cordoned', {}, node({}, taint('NoSchedule', 'node.kubernetes.io/unschedulable', '')), true],
  ['not ready', {}, node({}, taint('NoExecute', 'node.kubernetes.io/not-ready', '')), true],
  ['no network', {}, node({}, taint('NoSchedule', 'node.kubernetes.io/network-unavailable', '')), false],
  [
    'no network needed',
    { hostNetwork: true },
    node({}, taint('NoSchedule', 'node.kubernetes.io/network-unavailable', '')),
    true,
  ],
])('%s', (_, placement, object, expected) => {
  expect(isEligible(placement, object, false)).toBe(expected);
});

test('an agent that is there is not ended by NoSchedule, but by NoExecute', () => {
  expect(isEligible({}, node({}, taint('NoSchedule')), true)).toBe(true);
  expect(isEligible({}, node({}, taint('NoExecute')), true)).toBe(false);
});
