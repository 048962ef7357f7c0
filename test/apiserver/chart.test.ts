import { readFileSync } from 'node:fs';
import { agentDaemonSet, findHelms, type Rendered } from '../chart/helm.ts';
import { type ControlPlane, startControlPlane } from './harness/control-plane.ts';

/** What helm renders, put to a real API server: unknown fields, bad values and RBAC as it is understood there. */

const kindsOfOthers = /^monitoring\.coreos\.com\//;
let controlPlane: ControlPlane;
let objects: readonly Rendered[];

beforeAll(async () => {
  controlPlane = await startControlPlane();
  const helm = (await findHelms()).at(-1);
  if (helm === undefined) throw new Error('no helm');
  objects = await helm.template();
  await controlPlane.kubectl(['create', 'namespace', 'bpf-system']);
}, 120_000);
afterAll(() => controlPlane?.stop());

const apply = (list: readonly object[], ...flags: string[]) =>
  controlPlane.kubectl(['apply', '--server-side', '--validate=strict', ...flags, '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: list }),
  });

test('every object is accepted as it stands, the DaemonSet of the template too', async () => {
  const ours = objects.filter((object) => !kindsOfOthers.test(object.apiVersion));
  await apply([...ours, agentDaemonSet(objects)]);
  const { stdout } = await controlPlane.kubectl([
    'get',
    'daemonset,deployment',
    '--namespace=bpf-system',
    '--output=name',
  ]);
  expect(stdout.trim().split('\n').sort()).toEqual([
    'daemonset.apps/kube-bpf-agent',
    'deployment.apps/kube-bpf-operator',
  ]);
});

test.each([
  // who, what, where, may they?
  ['kube-bpf-agent', 'watch bpfrevisions.bpf.sh', '--all-namespaces', 'yes'],
  ['kube-bpf-agent', 'get bpfs.bpf.sh', '--all-namespaces', 'no'],
  ['kube-bpf-agent', 'patch bpfnodes.bpf.sh --subresource=status', '', 'yes'],
  ['kube-bpf-agent', 'patch bpfnodes.bpf.sh', '', 'no'],
  ['kube-bpf-agent', 'list bpfnodes.bpf.sh', '', 'no'],
  ['kube-bpf-agent', 'create bpfrevisions.bpf.sh', '--all-namespaces', 'no'],
  ['kube-bpf-agent', 'get configmaps', '--namespace=bpf-system', 'yes'],
  ['kube-bpf-agent', 'list configmaps', '--namespace=bpf-system', 'no'],
  ['kube-bpf-agent', 'get configmaps', '--namespace=default', 'no'],
  ['kube-bpf-agent', 'get secrets', '--namespace=bpf-system', 'no'],
  ['kube-bpf-operator', 'get configmaps', '--namespace=default', 'yes'],
  ['kube-bpf-operator', 'create configmaps', '--namespace=bpf-system', 'yes'],
  ['kube-bpf-operator', 'create configmaps', '--namespace=default', 'no'],
  ['kube-bpf-operator', 'update configmaps', '--namespace=bpf-system', 'no'],
  ['kube-bpf-operator', 'delete bpfs.bpf.sh', '--all-namespaces', 'no'],
  ['kube-bpf-operator', 'create pods', '--namespace=bpf-system', 'no'],
  ['kube-bpf-operator', 'update leases.coordination.k8s.io/kube-bpf-operator', '--namespace=bpf-system', 'yes'],
  ['kube-bpf-operator', 'update leases.coordination.k8s.io/another', '--namespace=bpf-system', 'no'],
  ['kube-bpf-operator', 'get secrets', '--namespace=bpf-system', 'no'],
  ['kube-bpf-uninstall', 'update leases.coordination.k8s.io/kube-bpf-operator', '--namespace=bpf-system', 'yes'],
  ['kube-bpf-uninstall', 'delete configmaps', '--namespace=bpf-system', 'yes'],
  ['kube-bpf-uninstall', 'delete configmaps', '--namespace=default', 'no'],
  ['kube-bpf-uninstall', 'delete bpfs.bpf.sh', '--all-namespaces', 'no'],
])('%s may %s %s: %s', async (account, what, where, expected) => {
  const as = `--as=system:serviceaccount:bpf-system:${account}`;
  const args = ['auth', 'can-i', ...what.split(' '), ...(where === '' ? [] : [where]), as];
  const { stdout } = await controlPlane.kubectl(args, { mayFail: true }); // "no" is exit code 1
  expect(stdout.trim()).toBe(expected);
});

test('nobody but an administrator may make a BPF: it is not aggregated into edit', async () => {
  const { stdout } = await controlPlane.kubectl(['get', 'clusterrole', '--output=json']);
  const roles = (JSON.parse(stdout) as { items: { metadata: { name: string; labels?: Record<string, string> } }[] })
    .items;
  const aggregated = roles.filter(({ metadata }) =>
    Object.keys(metadata.labels ?? {}).some((key) => key.startsWith('rbac.authorization.k8s.io/aggregate-to-')),
  );
  expect(aggregated.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('kube-bpf'))).toEqual([]);
});

test('the CRDs of the chart hold a BPF of the examples', async () => {
  const bpf = readFileSync(new URL('../../bpf/programs/pkts.yaml', import.meta.url), 'utf8');
  await controlPlane.kubectl(['wait', '--for=condition=Established', 'crd/bpfs.bpf.sh']);
  await controlPlane.kubectl(['apply', '--server-side', '--validate=strict', '-f', '-'], { input: bpf });
});
