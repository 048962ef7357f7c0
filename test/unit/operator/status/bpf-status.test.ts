import type { BpfStatus } from '../../../../crds/bpf.ts';
import { bpfSchema } from '../../../../crds/bpf.ts';
import { bpfStatusOf } from '../../../../operator/status/bpf-status.ts';
import type { Contribution } from '../../../../operator/status/contribution.ts';
import type { LivingRecord } from '../../../../operator/status/record.ts';
import { countsOf, failed, ready } from '../states.ts';

const sha256 = 'ab'.repeat(32);
const record: LivingRecord = {
  uid: 'u',
  generation: 1,
  terminating: false,
  suspended: false,
  acceptance: { accepted: true, programs: [{ name: 'p', type: 'tracepoint', section: 'tp/x/y' }], warnings: [] },
  wanted: { revision: '11111111', payload: { sha256, sizeBytes: 10 } },
};
const refused: LivingRecord = {
  ...record,
  acceptance: { accepted: false, reason: 'KeyNotFound', message: 'no such key' },
};
const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
const now = '2026-01-02T03:04:05Z';
const earlier = '2026-01-01T00:00:00Z';

const statusOf = (
  more: Partial<LivingRecord>,
  nodes: readonly Partial<Contribution>[],
  base: BpfStatus | undefined = { observedGeneration: 1 },
) => bpfStatusOf({ record: { ...record, ...more }, counts: countsOf(...nodes), base, nowMs });

const conditionsOf = ({ conditions = [] }: BpfStatus) =>
  Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status}/${reason}`]));

const pending = { progress: 'pending' } as const;
const waiting = { progress: 'waiting' } as const;
const unknown = { progress: 'unknown', updated: true } as const;
const warned = { ...ready, trouble: { reason: 'MetricConflict', message: 'metric m is a counter in a/b' } };
const limited = { ...ready, trouble: { reason: 'SeriesLimited', message: 'more than 10 series' } };

/** Accepted, Progressing, Ready, Degraded, phase, summary. */
const rows: [string, Partial<LivingRecord>, Partial<Contribution>[], string[]][] = [
  [
    'all ready',
    {},
    [ready, ready],
    ['True/Accepted', 'False/RolloutComplete', 'True/AllNodesReady', 'False/AsExpected', 'Ready', '2/2'],
  ],
  [
    'one pending',
    {},
    [ready, pending],
    ['True/Accepted', 'True/RolloutInProgress', 'False/AwaitingNodes', 'False/AsExpected', 'Progressing', '1/2'],
  ],
  [
    'one waiting',
    {},
    [ready, waiting],
    ['True/Accepted', 'True/WaitingForNodes', 'False/AwaitingNodes', 'False/AsExpected', 'Progressing', '1/2'],
  ],
  [
    'pending and waiting',
    {},
    [pending, waiting],
    ['True/Accepted', 'True/RolloutInProgress', 'False/AwaitingNodes', 'False/AsExpected', 'Progressing', '0/2'],
  ],
  [
    'one failed',
    {},
    [ready, failed],
    ['True/Accepted', 'False/RolloutComplete', 'False/SomeNodesFailed', 'True/NodesFailed', 'Degraded', '1/2'],
  ],
  [
    'one failed, one pending',
    {},
    [pending, failed],
    ['True/Accepted', 'True/RolloutInProgress', 'False/SomeNodesFailed', 'True/NodesFailed', 'Degraded', '0/2'],
  ],
  [
    'all failed',
    {},
    [failed, failed],
    ['True/Accepted', 'False/RolloutComplete', 'False/AllNodesFailed', 'True/NodesFailed', 'Degraded', '0/2'],
  ],
  [
    'all that are heard of failed',
    {},
    [failed, unknown],
    ['True/Accepted', 'False/RolloutComplete', 'False/AllNodesFailed', 'True/NodesFailed', 'Degraded', '0/2'],
  ],
  [
    'one unknown',
    {},
    [ready, unknown],
    ['True/Accepted', 'False/RolloutComplete', 'True/AllNodesReady', 'True/NodesUnreachable', 'Degraded', '1/2'],
  ],
  [
    'all unknown',
    {},
    [unknown],
    ['True/Accepted', 'False/RolloutComplete', 'False/AwaitingNodes', 'True/NodesUnreachable', 'Degraded', '0/1'],
  ],
  [
    'no node',
    {},
    [],
    ['True/Accepted', 'False/RolloutComplete', 'False/NoMatchingNodes', 'False/AsExpected', 'Pending', '0/0'],
  ],
  [
    'a warning',
    {},
    [ready, warned],
    ['True/Accepted', 'False/RolloutComplete', 'True/AllNodesReady', 'True/MetricConflict', 'Degraded', '2/2'],
  ],
  [
    'too many series',
    {},
    [ready, limited],
    ['True/Accepted', 'False/RolloutComplete', 'True/AllNodesReady', 'True/SeriesLimited', 'Degraded', '2/2'],
  ],
  [
    'two warnings: metrics that are missing first',
    {},
    [limited, warned],
    ['True/Accepted', 'False/RolloutComplete', 'True/AllNodesReady', 'True/MetricConflict', 'Degraded', '2/2'],
  ],
  [
    'suspended',
    { suspended: true },
    [],
    ['True/Accepted', 'False/Suspended', 'False/Suspended', 'False/AsExpected', 'Suspended', '0/0'],
  ],
  [
    'refused from the start',
    { ...refused, wanted: undefined },
    [],
    ['False/KeyNotFound', 'False/NotAccepted', 'False/NotAccepted', 'False/AsExpected', 'Pending', '0/0'],
  ],
  [
    'refused, an older revision runs',
    refused,
    [ready],
    ['False/KeyNotFound', 'False/NotAccepted', 'False/NotAccepted', 'False/AsExpected', 'Degraded', '1/1'],
  ],
  [
    'refused and suspended',
    { ...refused, suspended: true },
    [],
    ['False/KeyNotFound', 'False/Suspended', 'False/Suspended', 'False/AsExpected', 'Suspended', '0/0'],
  ],
];

test.each(rows)('%s', (_, more, nodes, expected) => {
  const status = statusOf(more, nodes);
  const { Accepted, Progressing, Ready, Degraded } = conditionsOf(status);
  expect([Accepted, Progressing, Ready, Degraded, status.phase, status.nodes?.summary]).toEqual(expected);
});

describe('a new generation', () => {
  test.each([
    ['all ready', [ready], 'False/AwaitingNodes', 'Progressing'],
    ['failed', [failed], 'False/AwaitingNodes', 'Degraded'],
    ['no node', [], 'False/NoMatchingNodes', 'Pending'],
  ] as const)('is never Ready in its first status: %s', (_, nodes, expected, phase) => {
    const status = statusOf({ generation: 2 }, nodes, { observedGeneration: 1 });
    expect([status.observedGeneration, conditionsOf(status)['Ready'], status.phase]).toEqual([2, expected, phase]);
    expect(status.conditions?.map(({ observedGeneration }) => observedGeneration)).toEqual([2, 2, 2, 2]);
  });

  test('is Ready in its second, when it is', () => {
    const first = statusOf({ generation: 2 }, [ready], { observedGeneration: 1 });
    expect(conditionsOf(statusOf({ generation: 2 }, [ready], first))['Ready']).toBe('True/AllNodesReady');
  });
});

test("a condition's time moves with its status only", () => {
  const base = statusOf({}, [ready, pending]);
  const old: BpfStatus = {
    ...base,
    conditions: base.conditions?.map((condition) => ({ ...condition, lastTransitionTime: earlier })),
  };
  const next = statusOf({}, [ready, failed], old);
  expect(next.conditions?.map(({ type, lastTransitionTime }) => [type, lastTransitionTime])).toEqual([
    ['Accepted', earlier],
    ['Progressing', now],
    ['Ready', earlier], // another reason, still False
    ['Degraded', now],
  ]);
});

test('what is probably not meant is said where it was accepted, and changes nothing else', () => {
  const warnings = ['a and b would count twice', 'so would c'];
  const status = statusOf({ acceptance: { accepted: true, programs: [], warnings } }, [ready]);
  expect(status.conditions?.find(({ type }) => type === 'Accepted')?.message).toBe(
    `object ${sha256.slice(0, 16)} is pinned as revision 11111111; warning: a and b would count twice; warning: so would c`,
  );
  expect(conditionsOf(status)).toMatchObject({ Ready: 'True/AllNodesReady', Degraded: 'False/AsExpected' });
});

test('what failed is named: in failures, and in the words of Ready and Degraded', () => {
  const status = statusOf({}, [ready, failed, failed]);
  expect(status.failures).toEqual([
    { reason: 'VerifierRejected', count: 2, nodes: ['n2', 'n3'], message: 'program p: R0 !read_ok' },
  ]);
  const messages = status.conditions?.filter(({ type }) => type === 'Ready' || type === 'Degraded');
  for (const { message } of messages ?? []) {
    expect(message).toBe('failed on 2 of 3 nodes: VerifierRejected on 2 nodes (n2, n3): program p: R0 !read_ok');
  }
});

test('of a refused edit, what runs is shown: revision, payload, programs', () => {
  const base: BpfStatus = { observedGeneration: 1, programs: [{ name: 'old', type: 't', section: 's' }] };
  const status = statusOf(refused, [ready], base);
  expect([status.revision, status.payload, status.programs]).toEqual([
    '11111111',
    { sha256, sizeBytes: 10 },
    base.programs,
  ]);
  const none = statusOf({ ...refused, wanted: undefined }, [], base);
  expect([none.revision, none.payload, none.programs]).toEqual([undefined, undefined, undefined]);
});

test('of a BPF that is being deleted, only that is news', () => {
  const base = statusOf({}, [ready, failed]);
  const listed = countsOf({ listed: true });
  const status = bpfStatusOf({ record: { uid: 'u', generation: 2, terminating: true }, counts: listed, base, nowMs });
  expect(status).toMatchObject({ phase: 'Terminating', observedGeneration: 2, revision: '11111111' });
  expect(status.failures).toBeUndefined();
  expect(conditionsOf(status)).toEqual({ ...conditionsOf(base), Ready: 'False/Terminating' });
});

test('whatever nodes say, the status keeps within the bounds of its schema', () => {
  const many = Array.from({ length: 40 }, (_, i) => ({
    ...failed,
    trouble: { reason: `Reason${i % 20}`, message: '😀'.repeat(5000) },
  }));
  const status = statusOf(
    { ...refused, acceptance: { accepted: false, reason: 'InvalidObject', message: 'x'.repeat(40_000) } },
    many,
  );
  expect(status.failures).toHaveLength(10);
  const program = { valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } };
  const bpf = { apiVersion: 'bpf.sh/v1alpha1', kind: 'BPF', metadata: { name: 'b' }, spec: { program }, status };
  // zod counts UTF-16 units where the API server counts code points, so only the plain text goes through zod
  const plain = JSON.parse(JSON.stringify(bpf).replaceAll('😀', 'y')) as unknown;
  expect(bpfSchema.safeParse(plain).error).toBeUndefined();
  expect([...(status.failures?.[0]?.message ?? '')]).toHaveLength(1024);
});
