import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { systemClock } from '../../runtime/clock.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import { inClusterConnection } from '../../runtime/kube/in-cluster.ts';
import { kubeconfigConnection } from '../../runtime/kube/kubeconfig.ts';
import { Transport } from '../../runtime/kube/transport.ts';
import { forwardTo } from '../fakes/forward.ts';
import { type ControlPlane, startControlPlane } from './harness/control-plane.ts';
import { eventually } from './harness/eventually.ts';
import { errorOf } from './kube-suite/client-suite.ts';
import { ReflectorRig } from './kube-suite/reflector-rig.ts';
import { configMaps, Rig } from './kube-suite/rig.ts';
import { openTarget } from './kube-suite/target.ts';

/** What only a real server can show: its own end and return, its RBAC, its tokens, its idea of an unknown field. */
describe('runtime/kube on a kube-apiserver', () => {
  let controlPlane: ControlPlane;
  beforeAll(async () => {
    controlPlane = await startControlPlane();
  }, 60_000);
  afterAll(() => controlPlane.stop());

  const connect = (file: string) => kubeconfigConnection({ file, clock: systemClock });

  /** The faulty door to it, as one user; the other door as admin. */
  const openAs = async (stack: AsyncDisposableStack, kubeconfig: string) => {
    const forward = stack.use(forwardTo(await connect(kubeconfig)));
    return stack.use(await openTarget(forward, await connect(controlPlane.adminKubeconfig)));
  };

  test('killed with SIGKILL and started again, it is found with all that changed', async () => {
    await using stack = new AsyncDisposableStack();
    const target = await openAs(stack, controlPlane.adminKubeconfig);
    const connection = await connect(controlPlane.adminKubeconfig);
    const rig = stack.use(new ReflectorRig(target, {}, { connection }));
    await rig.other.create(configMaps, rig.configMap('a', { v: '1' }));
    await rig.other.create(configMaps, rig.configMap('b', { v: '1' }));
    rig.reflector.start();
    await rig.converge('the watch', () => rig.reflector.connected);
    await controlPlane.killApiserver();
    await rig.converge('the loss', async () => (await rig.metric('reflector_failures_total')) > 0);
    await controlPlane.restartApiserver();
    await rig.changeAll();
    await rig.caughtUp();
    expect(rig.transport.connections).toBeLessThanOrEqual(3);
  }, 60_000);

  test('a right that is taken away and given back is a pause', async () => {
    await using stack = new AsyncDisposableStack();
    const { kubectl } = controlPlane;
    const target = await openAs(stack, await controlPlane.kubeconfigFor('reader', []));
    const rig = stack.use(new ReflectorRig(target));
    const grant = () => kubectl(['create', 'clusterrolebinding', 'reader', '--clusterrole=reader', '--user=reader']);
    const mayRead = async () => {
      const answer = await kubectl(['auth', 'can-i', 'list', 'configmaps', '--as=reader'], { mayFail: true });
      return answer.stdout.trim() === 'yes';
    };
    await kubectl(['create', 'clusterrole', 'reader', '--verb=get,list,watch', '--resource=configmaps']);
    await grant();
    await eventually('the right', mayRead);
    const watch = await rig.started(target);
    await kubectl(['delete', 'clusterrolebinding', 'reader']);
    await rig.changeAll();
    await eventually('the refusal', async () => !(await mayRead()));
    watch.reset();
    await rig.converge('refused watches', async () => (await rig.metric('reflector_failures_total')) >= 3);
    expect(rig.reflector.store.size).toBeGreaterThanOrEqual(2); // what it knows it keeps
    await grant();
    await rig.caughtUp();
  }, 60_000);

  test("a service account's token is read again from its file after one 401", async () => {
    const directory = await mkdtemp(join(tmpdir(), 'kube-bpf-account-'));
    await using stack = new AsyncDisposableStack();
    stack.defer(() => rm(directory, { recursive: true }));
    const admin = await (await connect(controlPlane.adminKubeconfig)).credentials({ renew: false });
    const put = (name: string, text: string) => writeFile(join(directory, name), text);
    await Promise.all([put('token', 'expired'), put('ca.crt', admin.ca ?? ''), put('namespace', 'somewhere')]);
    const { hostname: host, port } = new URL(controlPlane.url);
    const connection = await inClusterConnection({ host, port, directory, clock: systemClock });
    const target = await openAs(stack, controlPlane.adminKubeconfig);
    const rig = stack.use(new Rig(target, { connection }));
    await put('token', await controlPlane.tokenFor('somewhere', 'agent'));
    const refused = await errorOf(rig.client.list(configMaps, { namespace: 'somewhere' }));
    expect(refused.code).toBe('Forbidden');
    expect(refused.message).toContain('system:serviceaccount:somewhere:agent');
    expect(await rig.metric('rest_client_requests_total', { code: '401' })).toBe(1);
    expect(await rig.metric('rest_client_requests_total', { code: '403' })).toBe(1);
  }, 60_000);

  test('an unknown field is refused when Strict, and written with a warning otherwise', async () => {
    await using stack = new AsyncDisposableStack();
    const target = await openAs(stack, controlPlane.adminKubeconfig);
    const rig = stack.use(new Rig(target));
    const draft = { ...rig.configMap('a'), extra: 1 };
    expect(await errorOf(rig.client.create(configMaps, draft))).toMatchObject({ code: 'BadRequest' });
    const warnings: string[] = [];
    const transport = new Transport({
      ...{ connection: target.direct, clock: systemClock, logger: rig.logger, registry: new Registry() },
      ...{ userAgent: 'suite', maxConnections: 1, onWarning: (text: string) => warnings.push(text) },
    });
    stack.defer(() => transport.close());
    const lenient = new KubeClient({ transport, fieldManager: 'suite' });
    await lenient.create(configMaps, draft);
    expect(warnings).toEqual(['unknown field "extra"']);
  });

  test('a version that it has not reached yet is an error of its own', async () => {
    await using stack = new AsyncDisposableStack();
    const rig = stack.use(new Rig(await openAs(stack, controlPlane.adminKubeconfig)));
    const early = rig.client.list(configMaps, { resourceVersion: '999999999', pageSize: 0, retry: 'never' });
    expect((await errorOf(early)).code).toBe('ResourceVersionTooLarge');
  });
});
