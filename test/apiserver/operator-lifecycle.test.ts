import { payloadLabel } from '../../crds/names.ts';
import {
  bpfNodes,
  bpfRevisions,
  bpfs,
  configMaps,
  type DaemonSetObject,
  daemonSets,
  type NodeObject,
} from '../../operator/watch/resources.ts';
import { leases } from '../../runtime/kube/lease.ts';
import { minimalElf } from '../fixtures/elf-builder.ts';
import { eventually } from './harness/eventually.ts';
import { OperatorRig, operatorNamespace, type RunningOperator } from './operator/operator-rig.ts';
import { SimulatedAgent } from './operator/simulated-agent.ts';

/** Operators that come and go, and the DaemonSet that they own. Tests build on each other, as a cluster's life does. */

let rig: OperatorRig;
const agents = new Map<string, SimulatedAgent>();

beforeAll(async () => {
  rig = await OperatorRig.start();
  await rig.makeNamespace('apps');
}, 120_000);
afterAll(async () => {
  for (const agent of agents.values()) await agent[Symbol.asyncDispose]();
  await rig?.[Symbol.asyncDispose]();
}, 30_000);

const daemonSetRef = { namespace: operatorNamespace, name: 'kube-bpf-agent' };
const daemonSet = () => rig.admin.find(daemonSets, daemonSetRef);
const apply = (object: object) =>
  rig.controlPlane.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], {
    input: JSON.stringify(object),
  });

/** What the DaemonSet controller and a kubelet would do, neither of which runs here. */
async function makeAgentPod(node: NodeObject, { ready = true, sinceMs = Date.now() } = {}): Promise<void> {
  const owner = await eventually('the DaemonSet', daemonSet);
  const name = `agent-${node.metadata.name}`;
  const { uid } = owner.metadata;
  await apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace: operatorNamespace,
      name,
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name: daemonSetRef.name, uid, controller: true }],
    },
    spec: { nodeName: node.metadata.name, containers: [{ name: 'agent', image: 'agent' }] },
  });
  const lastTransitionTime = new Date(sinceMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime }];
  const patch = JSON.stringify({ status: { phase: 'Running', conditions } });
  const target = ['pod', name, `--namespace=${operatorNamespace}`];
  await rig.controlPlane.kubectl(['patch', ...target, '--subresource=status', '--type=merge', '-p', patch]);
}

async function startAgent(node: NodeObject): Promise<void> {
  const client = await rig.clientOf('kube-bpf-agent');
  agents.set(node.metadata.name, await new SimulatedAgent(client, node).start());
}

const isReady = ({ conditions }: NonNullable<Awaited<ReturnType<OperatorRig['statusOf']>>>) =>
  conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
const leads = async ({ url }: RunningOperator) =>
  /leader_election_master_status\{[^}]*\} 1/.test(await (await fetch(`${url}/metrics`)).text());
const readyz = async ({ url }: RunningOperator) => (await fetch(`${url}/readyz`)).status;

describe('the agent DaemonSet', () => {
  let operator: RunningOperator;
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'kube-bpf-operator', uid: 'u-deployment' };

  test('is applied as the template says, and belongs to the Deployment of the operator', async () => {
    const selector = { matchLabels: { app: 'operator' } };
    const template = {
      metadata: { labels: { app: 'operator' } },
      spec: { containers: [{ name: 'operator', image: 'operator' }] },
    };
    const place = { namespace: operatorNamespace };
    await apply({
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { ...place, name: 'operator-rs', ownerReferences: [{ ...deployment, controller: true }] },
      spec: { replicas: 1, selector, template },
    });
    const { stdout } = await rig.controlPlane.kubectl([
      ...['get', 'replicaset', 'operator-rs', `--namespace=${operatorNamespace}`, '-o=jsonpath={.metadata.uid}'],
    ]);
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'operator-rs', uid: stdout, controller: true };
    await apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...place, name: 'operator-0', ownerReferences: [owner] },
      spec: template.spec,
    });

    operator = await rig.startOperator('with-daemonset', '--pod-name=operator-0');
    const made = await eventually('the DaemonSet', daemonSet);
    expect(made.metadata.ownerReferences).toEqual([deployment]);
    expect(made.metadata.labels).toMatchObject({ 'app.kubernetes.io/managed-by': 'bpf-operator' });
    expect(made.spec.template.spec.tolerations).toContainEqual({ operator: 'Exists' });
    await eventually('ready', async () => (await readyz(operator)) === 200);
  });

  const imageOf = (object: DaemonSetObject | undefined) => {
    const spec = object?.spec.template.spec as { containers?: { image: string }[] } | undefined;
    return spec?.containers?.[0]?.image;
  };

  test('is put right when somebody changes or deletes it, and is left alone otherwise', async () => {
    const before = await daemonSet();
    const patch = { spec: { template: { spec: { containers: [{ name: 'agent', image: 'somebody/else' }] } } } };
    await rig.controlPlane.kubectl([
      ...['patch', 'daemonset', daemonSetRef.name, `--namespace=${operatorNamespace}`],
      ...['--type=strategic', '-p', JSON.stringify(patch)],
    ]);
    const mended = await eventually('the image', async () => {
      const now = await daemonSet();
      return (now?.metadata.generation ?? 0) >= 3 && imageOf(now) === imageOf(before) && now;
    });
    await rig.admin.delete(daemonSets, daemonSetRef);
    const again = await eventually('another DaemonSet', async () => {
      const now = await daemonSet();
      return now !== undefined && now.metadata.uid !== mended.metadata.uid && now;
    });
    const metrics = await (await fetch(`${operator.url}/metrics`)).text();
    expect(metrics).toMatch(/^bpf_operator_daemonset_applies_total 3$/m); // made, mended, made again
    expect(again.metadata.generation).toBe(1);
  });

  test('follows its template', async () => {
    const ref = { namespace: operatorNamespace, name: 'kube-bpf-agent' };
    const template = await rig.admin.get(configMaps, ref);
    const yaml = (template.data?.['daemonset.yaml'] ?? '').replace(/image: .*/, 'image: example/agent:2');
    await rig.admin.mergePatch(configMaps, ref, { data: { 'daemonset.yaml': 'kind: Pod' } });
    await eventually('the bad template to be seen', async () =>
      /^bpf_operator_agent_template_valid 0$/m.test(await (await fetch(`${operator.url}/metrics`)).text()),
    );
    expect(await daemonSet()).toBeDefined();
    await rig.admin.mergePatch(configMaps, ref, { data: { 'daemonset.yaml': yaml } });
    await eventually('the new image', async () => imageOf(await daemonSet()) === 'example/agent:2');
  });

  test('says which nodes count: those it has a place on, and of those the ones whose agent is heard of', async () => {
    const nodes = [await rig.makeNode('n1'), await rig.makeNode('n2')];
    await rig.makeNode('windows', { 'kubernetes.io/os': 'windows' });
    for (const node of nodes) await makeAgentPod(node);
    for (const node of nodes) await startAgent(node);
    await rig.applyConfigMap('apps', 'counted', 'object', minimalElf());
    await rig.applyBpf('apps', 'counted');
    expect((await rig.statusWhere('apps', 'counted', isReady)).nodes?.summary).toBe('2/2');
    expect((await rig.admin.list(bpfNodes)).items.map(({ metadata }) => metadata.name).sort()).toEqual(['n1', 'n2']);

    for (const node of nodes.slice(1)) await makeAgentPod(node, { ready: false, sinceMs: Date.now() - 61_000 });
    const status = await rig.statusWhere('apps', 'counted', ({ nodes: counted }) => counted?.unknown === 1);
    expect(status.nodes).toMatchObject({ desired: 2, updated: 2, ready: 1, failed: 0 });
    expect([isReady(status), status.phase]).toEqual([true, 'Degraded']);
    for (const node of nodes.slice(1)) await makeAgentPod(node);
    await rig.statusWhere('apps', 'counted', ({ phase }) => phase === 'Ready');
  });

  test('a Node that is made again by the same name is another node', async () => {
    const before = await rig.admin.get(bpfNodes, { name: 'n2' });
    await agents.get('n2')?.[Symbol.asyncDispose]();
    await rig.controlPlane.kubectl(['delete', 'node', 'n2']);
    await rig.statusWhere('apps', 'counted', ({ nodes }) => nodes?.summary === '1/1');
    const node = await rig.makeNode('n2');
    const after = await eventually('another BPFNode', async () => {
      const now = await rig.admin.find(bpfNodes, { name: 'n2' });
      return now !== undefined && now.metadata.uid !== before.metadata.uid && now;
    });
    expect(after.metadata.ownerReferences?.[0]?.uid).toBe(node.metadata.uid);
    expect(after.status).toBeUndefined();
    await startAgent(node);
    await rig.statusWhere('apps', 'counted', ({ nodes }) => nodes?.summary === '2/2');
  });

  test('goes when agents are started by somebody else', async () => {
    await operator.process.stop();
    expect(operator.process.exited).toBe('exit code 0');
    const external = await rig.startOperator('external', '--agents=external');
    await eventually('the DaemonSet to go', async () => (await daemonSet()) === undefined);
    await external.process.stop();
  });
});

describe('two operators', () => {
  test('one leads, one stands by; the Lease changes hands on SIGTERM and after SIGKILL, mid-way', async () => {
    const first = await rig.startOperator('first', '--agents=external');
    await eventually('the first to lead', () => leads(first));
    const second = await rig.startOperator('second', '--agents=external');
    expect([await leads(second), await readyz(second)]).toEqual([false, 200]);

    // in good order: at once
    await first.process.stop();
    expect(first.process.exited).toBe('exit code 0');
    await eventually('the second to lead', () => leads(second));

    // killed between a BPF and its status: the next one does what is left
    const third = await rig.startOperator('third', '--agents=external');
    await rig.applyConfigMap(
      'apps',
      'midway',
      'object',
      minimalElf({ symbols: [{ name: 'more', section: 'socket' }] }),
    );
    await rig.applyBpf('apps', 'midway');
    await second.process.kill();
    await eventually('the third to lead', () => leads(third), { deadlineMs: 30_000, everyMs: 200 });
    await rig.statusWhere('apps', 'midway', isReady);
    await third.process.stop();
  }, 60_000);

  test('an operator that was killed while a BPF was being deleted leaves nothing stuck', async () => {
    agents.get('n1')?.pause();
    const before = await rig.startOperator('before', '--agents=external');
    await rig.statusWhere('apps', 'midway', isReady);
    await rig.controlPlane.kubectl(['delete', 'bpf', 'midway', '--namespace=apps', '--wait=false']);
    await rig.statusWhere('apps', 'midway', ({ phase }) => phase === 'Terminating');
    await before.process.kill();
    agents.get('n1')?.resume();
    const after = await rig.startOperator('after', '--agents=external', '--leader-elect=false');
    await eventually('the BPF to go', async () => !(await rig.admin.find(bpfs, { namespace: 'apps', name: 'midway' })));
    await after.process.stop();
  }, 60_000);
});

test('--uninstall detaches, takes everything back but the BPFs, and ends; the running operator stays out of it', async () => {
  // the one right that an account may do without
  const rights = [{ apiGroups: ['bpf.sh'], resources: ['bpfs/status'], verbs: ['patch'] }];
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const metadata = { name: 'uninstall-more' };
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'uninstall-more' };
  const subjects = [{ kind: 'ServiceAccount', name: 'kube-bpf-uninstall', namespace: operatorNamespace }];
  await apply({ apiVersion, kind: 'ClusterRole', metadata, rules: rights });
  await apply({ apiVersion, kind: 'ClusterRoleBinding', metadata, roleRef, subjects });

  const lease = { namespace: operatorNamespace, name: 'kube-bpf-operator' };
  await rig.admin.delete(leases, lease);
  const running = await rig.startOperator('running', '--agents=external');
  await eventually('it to lead', () => leads(running));
  await rig.statusWhere('apps', 'counted', isReady);

  await rig.uninstall('kube-bpf-uninstall');
  expect(running.process.exited).toBe('exit code 1');
  for (const resource of [bpfRevisions, bpfNodes]) expect((await rig.admin.list(resource)).items).toEqual([]);
  const copies = await rig.admin.list(configMaps, { namespace: operatorNamespace, labelSelector: payloadLabel });
  expect(copies.items).toEqual([]);
  const left = await rig.admin.list(bpfs);
  expect(left.items.map(({ metadata: { name, finalizers } }) => [name, finalizers])).toEqual([['counted', undefined]]);
  const status = await rig.statusOf('apps', 'counted');
  expect(status).toMatchObject({ phase: 'Pending', nodes: { desired: 0, summary: '0/0' } });
  expect(status !== undefined && isReady(status)).toBe(false);
}, 60_000);
