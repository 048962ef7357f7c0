import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { agentDaemonSet, findHelms, type Rendered } from '../chart/helm.ts';
import { type ControlPlane, startControlPlane } from './harness/control-plane.ts';
import { eventually } from './harness/eventually.ts';
import { type OwnedProcess, startProcess } from './harness/owned-process.ts';
import { run } from './harness/run.ts';

/** The operator as the chart installs it: with its own rights and no more, on the chart's template. */

const operatorMain = fileURLToPath(new URL('../../operator/main.ts', import.meta.url));
const namespace = 'bpf-system';
let controlPlane: ControlPlane;
let objects: readonly Rendered[];
let operator: OwnedProcess | undefined;

beforeAll(async () => {
  controlPlane = await startControlPlane();
  const helm = (await findHelms()).at(-1);
  if (helm === undefined) throw new Error('no helm');
  objects = await helm.template();
  await controlPlane.kubectl(['create', 'namespace', namespace]);
  await controlPlane.kubectl(['apply', '--server-side', '-f', '-'], { input: list(objects) });
  await controlPlane.kubectl(['wait', '--for=condition=Established', 'crd', '--all']);
  await controlPlane.kubectl(['create', '-f', '-'], {
    input: JSON.stringify({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n1', labels: { 'kubernetes.io/os': 'linux' } },
    }),
  });
}, 120_000);
afterAll(async () => {
  await operator?.stop();
  await controlPlane?.stop();
});

const list = (items: readonly object[]) => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
const json = async (...args: string[]) => JSON.parse((await controlPlane.kubectl([...args, '--output=json'])).stdout);
const names = async (kind: string) =>
  ((await json('get', kind, '--all-namespaces')).items as Rendered[]).map(({ metadata }) => metadata.name);

/** A kubeconfig with a token of one of the chart's accounts. */
async function kubeconfigOf(account: string): Promise<string> {
  const path = join(dirname(controlPlane.caFile), `${account}.kubeconfig`);
  const cluster = { server: controlPlane.url, 'certificate-authority': controlPlane.caFile };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user: { token: await controlPlane.tokenFor(namespace, account) } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace } }],
    'current-context': 'x',
  };
  await writeFile(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}

test('it applies the DaemonSet of the template, and mends it', async () => {
  const args = [operatorMain, '--kubeconfig', await kubeconfigOf('kube-bpf-operator'), '--listen', '127.0.0.1:0'];
  operator = startProcess('operator', process.execPath, args, join(dirname(controlPlane.caFile), 'operator.log'));
  const tail = (cause: unknown) => {
    throw new Error(operator?.logTail(), { cause });
  };

  const name = 'daemonset/kube-bpf-agent';
  const applied = await eventually(name, () => json('get', name, `--namespace=${namespace}`), {
    deadlineMs: 20_000,
  }).catch(tail);
  const wanted = agentDaemonSet(objects) as Rendered & { spec: { template: { spec: { containers: object[] } } } };
  expect(applied.spec.template.spec.containers).toMatchObject(wanted.spec.template.spec.containers);
  expect(applied.spec.template.spec.tolerations).toEqual([{ operator: 'Exists' }]);

  await controlPlane.kubectl(['set', 'image', name, `--namespace=${namespace}`, 'agent=another:1']);
  await eventually('the template’s image', async () => {
    const { spec } = await json('get', name, `--namespace=${namespace}`);
    return spec.template.spec.containers[0].image === 'kube-bpf-agent:0.1.0';
  }).catch(tail);
}, 60_000);

test('the uninstall hook, with its own rights, takes back what the operator made and leaves the users’ BPFs', async () => {
  const finalizers = ['bpf.sh/detach'];
  const source = { valueFrom: { configMapKeyRef: { name: 'absent', key: 'x' } } };
  const bpf = {
    apiVersion: 'bpf.sh/v1alpha1',
    kind: 'BPF',
    metadata: { name: 'kept', namespace: 'default', finalizers },
    spec: { program: source },
  };
  const payload = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'bpf-payload-0', namespace, labels: { 'bpf.sh/payload': '0' } },
  };
  await controlPlane.kubectl(['apply', '--server-side', '-f', '-'], { input: list([bpf, payload]) });
  await eventually('the node’s BPFNode', async () => (await names('bpfnodes')).includes('n1'));

  const args = ['--uninstall', '--kubeconfig', await kubeconfigOf('kube-bpf-uninstall')];
  const { code, stdout, stderr } = await run(process.execPath, [operatorMain, ...args]);
  expect({ code, output: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, output: '' });

  expect(operator?.exited).toBeDefined(); // the running operator has lost its Lease
  expect(await names('bpfnodes')).toEqual([]);
  expect(await names('bpfrevisions')).toEqual([]);
  expect(await names('configmaps')).not.toContain('bpf-payload-0');
  const kept = await json('get', 'bpf/kept');
  expect(kept.metadata.finalizers).toBeUndefined();
}, 90_000);
