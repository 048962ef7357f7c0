import type { BpfNodeStatus } from '../../../../crds/bpf-node.ts';
import { type NodeInput, nodeStateOf } from '../../../../operator/nodes/node-state.ts';
import type { NodeObject, PodObject } from '../../../../operator/watch/resources.ts';

const nowMs = Date.UTC(2026, 0, 1, 12, 0, 0);
const at = (agoMs: number) => new Date(nowMs - agoMs).toISOString();
const identity = { resourceVersion: '1', creationTimestamp: at(3_600_000) };
const readyFor = (status: string, agoMs: number) => [{ type: 'Ready', status, lastTransitionTime: at(agoMs) }];

const nodeThat = (status: string, agoMs: number): NodeObject => ({
  metadata: { ...identity, name: 'n1', uid: 'u-node', labels: { a: 'b' } },
  status: { conditions: readyFor(status, agoMs) },
});
const podThat = (status: string, agoMs: number): NodeInput['agent'] => {
  const pod: PodObject = {
    metadata: { ...identity, name: 'agent', uid: 'u-pod' },
    status: { conditions: readyFor(status, agoMs) },
  };
  return { type: 'pod', pod };
};
const bpfNodeWith = (status: BpfNodeStatus) => ({ metadata: { ...identity, name: 'n1', uid: 'u-report' }, status });
const running = {
  nodeUID: 'u-node',
  programs: [{ ref: 'a/b', revision: '11111111' }],
  conditions: [
    { type: 'AgentReady', status: 'True' as const, reason: 'Running', message: '', lastTransitionTime: at(0) },
  ],
};
const stopped = (agoMs: number) => ({
  ...running,
  conditions: [
    { type: 'AgentReady', status: 'False' as const, reason: 'Stopping', message: '', lastTransitionTime: at(agoMs) },
  ],
});
const starting = (agoMs: number) => ({
  ...running,
  conditions: [
    { type: 'AgentReady', status: 'False' as const, reason: 'Starting', message: '', lastTransitionTime: at(agoMs) },
  ],
});

const good: NodeInput = {
  node: nodeThat('True', 100_000),
  bpfNode: bpfNodeWith(running),
  eligible: true,
  agent: podThat('True', 100_000),
  nowMs,
};

test.each<[string, Partial<NodeInput>, string, number | undefined]>([
  ['node and agent ready', {}, 'live', undefined],
  ['node away for 59.999 s', { node: nodeThat('Unknown', 59_999) }, 'unready', 1],
  ['node away for 60 s', { node: nodeThat('False', 60_000) }, 'unknown', undefined],
  ['agent away for 10 s', { agent: podThat('False', 10_000) }, 'unready', 50_000],
  ['agent away for a minute', { agent: podThat('False', 60_000) }, 'unknown', undefined],
  ['no agent for 20 s', { agent: { type: 'no-pod', sinceMs: nowMs - 20_000 } }, 'unready', 40_000],
  ['no agent for a minute', { agent: { type: 'no-pod', sinceMs: nowMs - 60_000 } }, 'unknown', undefined],
  ['somebody else starts agents', { agent: { type: 'external' } }, 'live', undefined],
  [
    'somebody else starts agents, node away',
    { agent: { type: 'external' }, node: nodeThat('False', 60_000) },
    'unknown',
    undefined,
  ],
  ['the agent said that it stops', { bpfNode: bpfNodeWith(stopped(30_000)) }, 'unready', 30_000],
  [
    'the agent said so a minute ago',
    { agent: { type: 'external' }, bpfNode: bpfNodeWith(stopped(60_000)) },
    'unknown',
    undefined,
  ],
  ['the agent starts', { bpfNode: bpfNodeWith(starting(100_000)) }, 'live', undefined],
  ['the longest counts', { node: nodeThat('False', 10_000), agent: podThat('False', 40_000) }, 'unready', 20_000],
  ["the API server's clock is ahead", { node: nodeThat('False', -5_000) }, 'unready', 60_000],
  ['a node without a condition', { node: { metadata: nodeThat('True', 0).metadata } }, 'unready', 60_000],
  [
    'an agent without a condition is as old as its Pod',
    { agent: { type: 'pod', pod: { metadata: { ...identity, name: 'agent', uid: 'u-pod' } } } },
    'unknown',
    undefined,
  ],
])('%s', (_, more, health, unknownInMs) => {
  const outcome = nodeStateOf({ ...good, ...more });
  expect([outcome.state.health, outcome.unknownInMs]).toEqual([health, unknownInMs]);
});

test('what the agent says counts', () => {
  expect(nodeStateOf(good).state).toEqual({
    name: 'n1',
    labels: { a: 'b' },
    eligible: true,
    health: 'live',
    reporting: true,
    reports: running.programs,
  });
  expect(nodeStateOf({ ...good, bpfNode: bpfNodeWith(starting(0)) }).state.reporting).toBe(false);
});

test.each([
  ['no BPFNode', undefined],
  ['an empty one', bpfNodeWith({})],
  ['one of an earlier node of this name', bpfNodeWith({ ...running, nodeUID: 'u-earlier' })],
])('%s says nothing', (_, bpfNode) => {
  const { state } = nodeStateOf({ ...good, bpfNode });
  expect([state.reporting, state.reports]).toEqual([false, []]);
});
