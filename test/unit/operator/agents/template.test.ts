import { podOn } from '../../../../operator/agents/pod-on.ts';
import { readTemplate, TemplateError } from '../../../../operator/agents/template.ts';
import type { PodObject } from '../../../../operator/watch/resources.ts';

const identity = { uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
const configMap = (data?: Record<string, string>) => ({
  metadata: { ...identity, name: 'kube-bpf-agent' },
  ...(data === undefined ? {} : { data }),
});

const yaml = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agents, labels: {a: b}}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      hostNetwork: true
      nodeSelector: {kubernetes.io/os: linux}
      tolerations: [{operator: Exists}]
      containers: [{name: agent, image: agent:1}]
`;

test('a template is read whole, and says where agents may be', () => {
  const template = readTemplate(configMap({ 'daemonset.yaml': yaml }));
  expect(template).toMatchObject({
    name: 'agents',
    labels: { a: 'b' },
    placement: {
      hostNetwork: true,
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      tolerations: [{ operator: 'Exists' }],
    },
    spec: { selector: { matchLabels: { app: 'agent' } }, template: { spec: { containers: [{ image: 'agent:1' }] } } },
  });
});

test.each([
  ['no data', undefined, /no such key/],
  ['another key', { 'agent.yaml': yaml }, /no such key/],
  ['no YAML', { 'daemonset.yaml': '{' }, /read daemonset\.yaml of ConfigMap kube-bpf-agent: /],
  ['another kind', { 'daemonset.yaml': 'apiVersion: v1\nkind: Pod' }, /kind: /],
  ['no name', { 'daemonset.yaml': yaml.replace('name: agents, ', '') }, /metadata\.name: /],
  ['empty', { 'daemonset.yaml': '' }, /expected object/],
])('%s', (_, data, message) => {
  expect(() => readTemplate(configMap(data))).toThrow(TemplateError);
  expect(() => readTemplate(configMap(data))).toThrow(message);
});

describe("the agent's Pod on a node", () => {
  const pod = (name: string, owner: string, ready: boolean): PodObject => ({
    metadata: {
      ...identity,
      name,
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name: owner, uid: 'u' }],
    },
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  });

  test.each([
    ['none', [], undefined],
    ["another DaemonSet's", [pod('a', 'other', true)], undefined],
    ['one', [pod('a', 'agents', false)], 'a'],
    ['two in a rolling update: the ready one', [pod('a', 'agents', false), pod('b', 'agents', true)], 'b'],
  ] as const)('%s', (_, pods, expected) => {
    expect(podOn(pods, 'agents')?.metadata.name).toBe(expected);
  });

  test('without a template there is none', () => {
    expect(podOn([pod('a', 'agents', true)], undefined)).toBeUndefined();
  });
});
