import { bpfs, configMaps } from '../../../operator/watch/resources.ts';
import { events } from '../../../runtime/kube/event-object.ts';
import type { SeenRequest } from '../../fakes/faulty-server.ts';
import { minimalElf } from '../../fixtures/elf-builder.ts';
import { type FakeCluster, FakeClusters } from './fake-cluster.ts';

const objectCalled = (note: string) => minimalElf({ sections: [{ name: '.note', data: [...Buffer.from(note)] }] });
const isWrite = ({ method }: SeenRequest) => method !== 'GET';
const minuteMs = 60_000;

let clusters: FakeClusters;

beforeAll(async () => {
  clusters = await FakeClusters.start();
});
afterAll(() => clusters?.[Symbol.asyncDispose]());

/** A cluster with nodes n1…, and a BPF `b` that all of them run. */
async function running(cluster: FakeCluster, nodeCount = 2) {
  for (let i = 1; i <= nodeCount; i++) await cluster.makeNode(`n${i}`);
  const operator = cluster.startOperator();
  await cluster.applyObject('b', objectCalled('1'));
  await cluster.applyBpf('b');
  await cluster.until('a revision', async () => (await cluster.revisions()).length === 1);
  await cluster.reportAllReady();
  await cluster.until('Ready', async () => (await cluster.condition('b', 'Ready')) === 'AllNodesReady');
  return operator;
}

test('a quiet cluster costs nothing: no request in ten minutes, but those that were due', async () => {
  await using cluster = clusters.open();
  await running(cluster);
  await cluster.pass(10_000);
  cluster.target.faulty.forget();
  await cluster.pass(10 * minuteMs, 10_000);
  expect(cluster.requests.map(({ method, url }) => `${method} ${url.pathname}`)).toEqual([]);
}, 30_000);

test("a node's report costs one read of nothing and one write of a status", async () => {
  await using cluster = clusters.open();
  await running(cluster, 5);
  await cluster.pass(10_000);
  cluster.target.faulty.forget();
  const [revision] = await cluster.revisions();
  const digits = revision?.metadata.name.slice(-8) ?? '';
  await cluster.report('n3', [
    { ref: 'apps/b', revision: digits, state: 'Failed', reason: 'BTFMissing', message: 'no' },
  ]);
  await cluster.until('failed', async () => (await cluster.status('b'))?.nodes?.failed === 1);
  await cluster.pass(10_000);
  const written = cluster.requests.map(({ method, url }) => `${method} ${url.pathname}`);
  expect(written).toEqual([
    'PATCH /apis/bpf.sh/v1alpha1/namespaces/apps/bpfs/b/status',
    'POST /apis/events.k8s.io/v1/namespaces/apps/events',
  ]);
});

test('a status is written often at first, and every 2 s while a rollout goes on', async () => {
  await using cluster = clusters.open();
  const nodeCount = 60;
  for (let i = 1; i <= nodeCount; i++) await cluster.makeNode(`n${i}`);
  cluster.startOperator();
  await cluster.applyObject('b', objectCalled('1'));
  await cluster.applyBpf('b');
  await cluster.until('a revision', async () => (await cluster.revisions()).length === 1);
  const [revision] = await cluster.revisions();
  const digits = revision?.metadata.name.slice(-8) ?? '';
  const startMs = cluster.clock.monotonic();
  cluster.target.faulty.forget();
  for (let i = 1; i <= nodeCount; i++) {
    await cluster.report(`n${i}`, [{ ref: 'apps/b', revision: digits }]);
    await cluster.pass(250, 50);
  }
  await cluster.until('Ready', async () => (await cluster.condition('b', 'Ready')) === 'AllNodesReady');
  const seconds = (cluster.clock.monotonic() - startMs) / 1000;
  const writes = cluster.requests.filter(({ url }) => url.pathname.endsWith('/bpfs/b/status'));
  expect(writes.length).toBeGreaterThanOrEqual(4);
  expect(writes.length).toBeLessThanOrEqual(6 + Math.ceil(seconds / 2));
}, 30_000);

test('a ConfigMap is read when a BPF names it and it has changed, and not otherwise', async () => {
  await using cluster = clusters.open();
  const operator = await running(cluster);
  const reads = () => cluster.value(operator, 'bpf_operator_configmap_reads_total');
  const before = (await reads()) ?? 0;
  for (let i = 0; i < 5; i++) await cluster.applyObject('nobodys', objectCalled(`nobody ${i}`));
  await cluster.pass(2000);
  expect(await reads()).toBe(before);
  await cluster.applyObject('b', objectCalled('2'));
  await cluster.until('another revision', async () => (await cluster.revisions()).length === 2);
  await cluster.pass(2000);
  expect(await reads()).toBe(before + 1);
});

test('a pinned copy goes ten minutes after the last revision that refers to it, and not before', async () => {
  await using cluster = clusters.open();
  await running(cluster);
  expect(await cluster.payloads()).toHaveLength(1);
  await cluster.pass(20 * minuteMs, 10_000);
  expect(await cluster.payloads()).toHaveLength(1);

  await cluster.admin.delete(bpfs, { namespace: 'apps', name: 'b' });
  await cluster.until('the revision to go', async () => (await cluster.revisions()).length === 0);
  for (const node of ['n1', 'n2']) await cluster.report(node, []);
  await cluster.until('the BPF to go', async () => (await cluster.status('b')) === undefined);
  await cluster.pass(9 * minuteMs, 10_000);
  expect(await cluster.payloads()).toHaveLength(1);
  await cluster.pass(2 * minuteMs, 10_000);
  expect(await cluster.payloads()).toEqual([]);
}, 60_000);

test('a copy that is wanted again in time stays', async () => {
  await using cluster = clusters.open();
  await running(cluster);
  await cluster.admin.delete(bpfs, { namespace: 'apps', name: 'b' });
  await cluster.until('the revision to go', async () => (await cluster.revisions()).length === 0);
  for (const node of ['n1', 'n2']) await cluster.report(node, []);
  await cluster.pass(8 * minuteMs, 10_000);
  await cluster.applyBpf('b');
  await cluster.until('a revision', async () => (await cluster.revisions()).length === 1);
  await cluster.pass(20 * minuteMs, 10_000);
  expect(await cluster.payloads()).toHaveLength(1);
}, 60_000);

describe('a BPF that is deleted', () => {
  test('goes when the last live node has let go, and not before', async () => {
    await using cluster = clusters.open();
    await running(cluster);
    await cluster.admin.delete(bpfs, { namespace: 'apps', name: 'b' });
    await cluster.until('Terminating', async () => (await cluster.status('b'))?.phase === 'Terminating');
    expect(await cluster.revisions()).toEqual([]);
    await cluster.report('n1', []);
    await cluster.pass(5000);
    expect((await cluster.status('b'))?.phase).toBe('Terminating');
    await cluster.report('n2', []);
    await cluster.until('the BPF to go', async () => (await cluster.status('b')) === undefined);
  });

  test('goes after 60 s, whatever nodes say', async () => {
    await using cluster = clusters.open();
    const operator = await running(cluster);
    await cluster.admin.delete(bpfs, { namespace: 'apps', name: 'b' });
    await cluster.until('Terminating', async () => (await cluster.status('b'))?.phase === 'Terminating');
    await cluster.pass(50_000);
    expect((await cluster.status('b'))?.phase).toBe('Terminating');
    await cluster.pass(10_000);
    await cluster.until('the BPF to go', async () => (await cluster.status('b')) === undefined);
    expect(await cluster.value(operator, 'bpf_operator_detach_timeouts_total')).toBe(1);
  }, 30_000);

  test('does not wait for a node that is not ready', async () => {
    await using cluster = clusters.open();
    await running(cluster);
    await cluster.report('n1', []);
    await cluster.setNodeReady('n2', 'False');
    await cluster.pass(1000);
    const startMs = cluster.clock.monotonic();
    await cluster.admin.delete(bpfs, { namespace: 'apps', name: 'b' });
    await cluster.until('the BPF to go', async () => (await cluster.status('b')) === undefined);
    expect(cluster.clock.monotonic() - startMs).toBeLessThan(10_000);
  });

  test("keeps somebody else's finalizer", async () => {
    await using cluster = clusters.open();
    await running(cluster);
    const ref = { namespace: 'apps', name: 'b' };
    const finalizers = ['bpf.sh/detach', 'example.com/other'];
    await cluster.admin.mergePatch(bpfs, ref, { metadata: { finalizers } });
    await cluster.admin.delete(bpfs, ref);
    await cluster.until('no revision', async () => (await cluster.revisions()).length === 0);
    for (const node of ['n1', 'n2']) await cluster.report(node, []);
    await cluster.until('our finalizer to go', async () => {
      const { metadata } = await cluster.admin.get(bpfs, ref);
      return metadata.finalizers?.join() === 'example.com/other';
    });
    await cluster.pass(10_000);
    cluster.target.faulty.forget();
    await cluster.pass(2 * minuteMs);
    expect(cluster.requests.filter(isWrite)).toHaveLength(0);
  });
});

test('a node that goes away for a minute is unknown, and no longer when it is back', async () => {
  await using cluster = clusters.open();
  await running(cluster);
  await cluster.setNodeReady('n2', 'False');
  await cluster.pass(55_000);
  expect((await cluster.status('b'))?.nodes).toMatchObject({ ready: 2, unknown: 0 });
  await cluster.pass(10_000);
  expect((await cluster.status('b'))?.nodes).toMatchObject({ desired: 2, ready: 1, unknown: 1, failed: 0 });
  expect([await cluster.condition('b', 'Ready'), await cluster.condition('b', 'Degraded')]).toEqual([
    'AllNodesReady',
    'NodesUnreachable',
  ]);
  await cluster.setNodeReady('n2', 'True');
  await cluster.until('n2 to be back', async () => (await cluster.status('b'))?.nodes?.ready === 2);
}, 30_000);

test('an operator that starts anew shows nobody fewer nodes than there are', async () => {
  await using cluster = clusters.open();
  const first = await running(cluster);
  await first.stop();
  cluster.target.faulty.forget();
  cluster.startOperator();
  await cluster.pass(10_000);
  expect(cluster.requests.filter(isWrite).map(({ method, url }) => `${method} ${url.pathname}`)).toEqual([]);
});

test('what the API server refuses for good is told to the person who looks at the BPF', async () => {
  await using cluster = clusters.open();
  const quota = { type: 'answer', status: 403, reason: 'Forbidden' } as const;
  cluster.target.faulty.inject(quota, ({ method, url }) => method === 'POST' && url.pathname.endsWith('/configmaps'));
  cluster.startOperator();
  await cluster.applyObject('b', objectCalled('1'));
  await cluster.applyBpf('b');
  await cluster.until('an Event', async () => {
    const { items } = await cluster.admin.list(events);
    return items.some(
      ({ type, reason, regarding }) => `${type} ${reason} ${regarding.name}` === 'Warning ReconcileFailed b',
    );
  });
  await cluster.until('the next try', async () => (await cluster.revisions()).length === 1);
});

test('--watch-namespaces: of the others nothing is read, seen or done', async () => {
  await using cluster = clusters.open();
  for (const namespace of ['apps', 'net', 'other']) {
    await cluster.applyObject('b', objectCalled('1'), namespace);
    await cluster.applyBpf('b', {}, namespace);
  }
  cluster.startOperator(['apps', 'net']);
  await cluster.until('both to be accepted', async () =>
    [await cluster.status('b', 'apps'), await cluster.status('b', 'net')].every((status) => status !== undefined),
  );
  await cluster.pass(5000);
  expect((await cluster.admin.list(bpfs, { namespace: 'other' })).items[0]).not.toHaveProperty('status');
  const paths = cluster.target.faulty.requests.map(({ url }) => url.pathname);
  expect(paths.filter((path) => path.includes('/namespaces/other'))).toEqual([]);
  expect(paths).not.toContain('/api/v1/configmaps');
  expect(paths).not.toContain('/apis/bpf.sh/v1alpha1/bpfs');
});

test('counters are checked every ten minutes, and are right', async () => {
  await using cluster = clusters.open();
  const operator = await running(cluster);
  await cluster.pass(11 * minuteMs, 10_000);
  expect(await cluster.value(operator, 'bpf_operator_recount_mismatches_total')).toBe(0);
});

describe('killed at any write, before or after it was done, another operator does the rest', () => {
  const untilReady = async (cluster: FakeCluster, sequence: number): Promise<void> =>
    cluster.until(`revision ${sequence} to be ready`, async () => {
      await cluster.reportAllReady().catch(() => undefined); // a BPFNode that is not there yet
      const active = (await cluster.revisions()).find(({ spec }) => spec.sequence === sequence && spec.active);
      const status = await cluster.status('b');
      return status?.phase === 'Ready' && active?.metadata.name === `b-${status.revision}`;
    });

  test.each([1, 2, 3, 4, 5, 6, 7].flatMap((n) => [[n, 'before'] as const, [n, 'after'] as const]))(
    'write %i, %s',
    async (n, when) => {
      await using cluster = clusters.open();
      await cluster.makeNode('n1');
      let writes = 0;
      const dies = Promise.withResolvers<void>();
      cluster.target.faulty.inject({ type: when === 'before' ? 'hang' : 'reset-after' }, (request) => {
        if (!isWrite(request) || request.url.pathname.includes('/events')) return false;
        writes += 1;
        if (writes === n) dies.resolve();
        return writes === n;
      });
      const first = cluster.startOperator();
      await cluster.applyObject('b', objectCalled('1'));
      await cluster.applyBpf('b');
      const reporting = cluster.until('the write', async () => {
        await cluster.reportAllReady().catch(() => undefined); // as above
        return writes >= n;
      });
      await Promise.all([reporting, dies.promise]);
      await first.stop();
      cluster.target.faulty.heal();

      cluster.startOperator();
      await untilReady(cluster, 1);
      await cluster.applyObject('b', objectCalled('2'));
      await untilReady(cluster, 2);
      const revisions = await cluster.revisions();
      expect(revisions.map(({ spec }) => [spec.sequence, spec.active]).sort()).toEqual([
        [1, false],
        [2, true],
      ]);
      expect(await cluster.payloads()).toHaveLength(2);
      const { items } = await cluster.admin.list(configMaps, { namespace: 'bpf-system' });
      expect(items.every(({ immutable }) => immutable === true)).toBe(true);
    },
    30_000,
  );
});
