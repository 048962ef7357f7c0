import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { payloadLabel } from '../../crds/names.ts';
import { bpfNodes, bpfRevisions, bpfs, configMaps, type RevisionObject } from '../../operator/watch/resources.ts';
import { findCondition } from '../../runtime/kube/conditions.ts';
import { sha256 } from '../../runtime/sha256.ts';
import { minimalElf } from '../fixtures/elf-builder.ts';
import { eventually } from './harness/eventually.ts';
import { OperatorRig, operatorNamespace, type RunningOperator } from './operator/operator-rig.ts';
import { SimulatedAgent, type Verdict } from './operator/simulated-agent.ts';

/** Objects that differ in nothing but a note, so in their digest. */
const objectCalled = (note: string) => minimalElf({ sections: [{ name: '.note', data: [...Buffer.from(note)] }] });

let rig: OperatorRig;
let operator: RunningOperator;
let agents: SimulatedAgent[];
/** What the kernel would say of a digest. */
const verdicts = new Map<string, Verdict>();

beforeAll(async () => {
  rig = await OperatorRig.start();
  const client = await rig.clientOf('kube-bpf-agent');
  const nodes = [await rig.makeNode('n1'), await rig.makeNode('n2', { disk: 'ssd' })];
  operator = await rig.startOperator('operator', '--agents=external');
  agents = nodes.map((node) => new SimulatedAgent(client, node, ({ spec }) => verdicts.get(spec.payload.sha256) ?? {}));
  for (const agent of agents) await agent.start();
  for (const name of ['apps', 'net']) await rig.makeNamespace(name);
}, 120_000);
afterAll(async () => {
  for (const agent of agents ?? []) await agent[Symbol.asyncDispose]();
  await rig?.[Symbol.asyncDispose]();
}, 30_000);

type Status = NonNullable<Awaited<ReturnType<OperatorRig['statusOf']>>>;
const conditionOf = (status: Status, type: string) => status.conditions?.find((condition) => condition.type === type);
const reasonOf = (status: Status, type: string) => conditionOf(status, type)?.reason;
const isReady = (status: Status) => conditionOf(status, 'Ready')?.status === 'True';

async function revisionsOf(namespace: string, name: string): Promise<RevisionObject[]> {
  const { items } = await rig.admin.list(bpfRevisions, { namespace, labelSelector: `bpf.sh/bpf=${name}` });
  return items.sort((a, b) => a.spec.sequence - b.spec.sequence);
}
const payloads = async () =>
  (await rig.admin.list(configMaps, { namespace: operatorNamespace, labelSelector: payloadLabel })).items;
const describeBpf = async (namespace: string, name: string) =>
  (await rig.controlPlane.kubectl(['describe', 'bpf', name, `--namespace=${namespace}`])).stdout;

test('from kubectl apply to Ready on every node', async () => {
  const elf = objectCalled('first');
  await rig.applyConfigMap('apps', 'first', 'object', elf);
  await rig.applyBpf('apps', 'first');
  await rig.controlPlane.kubectl(['wait', '--for=condition=Ready', 'bpf/first', '--namespace=apps', '--timeout=10s']);
  const status = await rig.statusWhere('apps', 'first', isReady);
  expect(status).toMatchObject({
    observedGeneration: 1,
    phase: 'Ready',
    payload: { sha256: sha256(elf), sizeBytes: elf.length },
    programs: [{ name: 'drop', type: 'socket_filter', section: 'socket' }],
    nodes: { desired: 2, updated: 2, ready: 2, failed: 0, unknown: 0, summary: '2/2' },
  });
  expect(status.conditions?.map(({ type, status: value, reason }) => [type, value, reason])).toEqual([
    ['Accepted', 'True', 'Accepted'],
    ['Progressing', 'False', 'RolloutComplete'],
    ['Ready', 'True', 'AllNodesReady'],
    ['Degraded', 'False', 'AsExpected'],
  ]);
  const [revision] = await revisionsOf('apps', 'first');
  expect(revision).toMatchObject({
    metadata: { name: `first-${status.revision}`, ownerReferences: [{ kind: 'BPF', name: 'first' }] },
    spec: { active: true, sequence: 1, generation: 1, selector: {} },
  });
  for (const agent of agents) expect([...agent.fetched]).toContain(sha256(elf));
  await eventually('events', async () => {
    const text = await describeBpf('apps', 'first');
    return /Normal\s+Accepted/.test(text) && /Normal\s+RolledOut/.test(text);
  });
});

describe('what is refused is a condition before any node is touched', () => {
  const big = Buffer.alloc(17 * 1024 * 1024);
  test.each([
    ['missing', undefined, {}, 'ConfigMapNotFound', /ConfigMap apps\/refused-\S+: not found/],
    ['no-key', { other: objectCalled('x') }, {}, 'KeyNotFound', /it has other/],
    ['bomb', { object: gzipSync(big) }, {}, 'PayloadTooLarge', /after gunzip/],
    ['digest', { object: objectCalled('x') }, { sha256: '0'.repeat(64) }, 'DigestMismatch', /its sha256 is/],
    ['text', { object: Buffer.from('hello') }, {}, 'NotAnELF', /./],
    ['empty', { object: Buffer.alloc(0) }, {}, 'NotAnELF', /empty/],
    ['truncated', { object: objectCalled('x').subarray(0, 200) }, {}, 'InvalidObject', /./],
  ] as const)('%s', async (what, content, pin, reason, message) => {
    const name = `refused-${what}`;
    for (const [key, bytes] of Object.entries(content ?? {})) await rig.applyConfigMap('apps', name, key, bytes);
    await rig.applyBpf('apps', name, { program: { valueFrom: { configMapKeyRef: { name, key: 'object' } }, ...pin } });
    const status = await rig.statusWhere('apps', name, ({ conditions }) => conditions !== undefined);
    expect(conditionOf(status, 'Accepted')).toMatchObject({ status: 'False', reason });
    expect(conditionOf(status, 'Accepted')?.message).toMatch(message);
    expect([reasonOf(status, 'Ready'), status.phase, status.revision]).toEqual(['NotAccepted', 'Pending', undefined]);
    expect(await revisionsOf('apps', name)).toEqual([]);
  });

  test('and mending the ConfigMap is all it takes', async () => {
    await rig.applyConfigMap('apps', 'refused-missing', 'object', objectCalled('mended'));
    await rig.statusWhere('apps', 'refused-missing', isReady);
  });
});

test('an edit that makes no sense leaves the last good revision running; a mended one is a new revision', async () => {
  await rig.applyConfigMap('apps', 'edited', 'object', objectCalled('edited 1'));
  await rig.applyBpf('apps', 'edited');
  const before = await rig.statusWhere('apps', 'edited', isReady);

  await rig.applyConfigMap('apps', 'edited', 'object', Buffer.from('broken'));
  const broken = await rig.statusWhere('apps', 'edited', (status) => reasonOf(status, 'Accepted') === 'NotAnELF');
  expect(broken).toMatchObject({ phase: 'Degraded', revision: before.revision, nodes: { ready: 2, desired: 2 } });
  expect(broken.programs).toEqual(before.programs);
  expect(reasonOf(broken, 'Ready')).toBe('NotAccepted');
  expect((await revisionsOf('apps', 'edited')).map(({ spec }) => spec.active)).toEqual([true]);
  await eventually('event', async () => /Warning\s+NotAnELF/.test(await describeBpf('apps', 'edited')));

  await rig.applyConfigMap('apps', 'edited', 'object', objectCalled('edited 2'));
  const mended = await rig.statusWhere('apps', 'edited', (s) => isReady(s) && s.revision !== before.revision);
  expect(mended.payload?.sha256).toBe(sha256(objectCalled('edited 2')));

  // back to the first content: the same revision, with a new sequence
  await rig.applyConfigMap('apps', 'edited', 'object', objectCalled('edited 1'));
  await rig.statusWhere('apps', 'edited', (status) => isReady(status) && status.revision === before.revision);
  const history = await revisionsOf('apps', 'edited');
  expect(history.map(({ metadata, spec }) => [metadata.name.slice(-8), spec.sequence, spec.active])).toEqual([
    [mended.revision, 2, false],
    [before.revision, 3, true],
  ]);

  // and when the ConfigMap goes, what runs stays
  await rig.admin.delete(configMaps, { namespace: 'apps', name: 'edited' });
  const gone = await rig.statusWhere('apps', 'edited', (s) => reasonOf(s, 'Accepted') === 'ConfigMapNotFound');
  expect(gone).toMatchObject({ phase: 'Degraded', nodes: { ready: 2 } });
});

test("the verifier's words are in kubectl describe, in the conditions, in failures and in an Event", async () => {
  const elf = objectCalled('rejected');
  const words = 'program drop: R0 !read_ok';
  verdicts.set(sha256(elf), { state: 'Failed', reason: 'VerifierRejected', message: words });
  await rig.applyConfigMap('apps', 'rejected', 'object', elf);
  await rig.applyBpf('apps', 'rejected');
  const status = await rig.statusWhere('apps', 'rejected', ({ nodes }) => nodes?.failed === 2);
  expect(status).toMatchObject({
    phase: 'Degraded',
    nodes: { desired: 2, updated: 2, ready: 0, failed: 2, summary: '0/2' },
    failures: [{ reason: 'VerifierRejected', count: 2, nodes: ['n1', 'n2'], message: words }],
  });
  expect(reasonOf(status, 'Accepted')).toBe('Accepted');
  expect(conditionOf(status, 'Ready')).toMatchObject({ status: 'False', reason: 'AllNodesFailed' });
  expect(conditionOf(status, 'Ready')?.message).toContain(words);
  expect(reasonOf(status, 'Degraded')).toBe('NodesFailed');
  await eventually('event', async () => {
    const text = await describeBpf('apps', 'rejected');
    return /Warning\s+VerifierRejected .*R0 !read_ok/.test(text);
  });

  verdicts.delete(sha256(elf));
  for (const agent of agents) agent.report();
  expect(await rig.statusWhere('apps', 'rejected', isReady)).not.toHaveProperty('failures');
});

test('one node of two fails', async () => {
  const elf = objectCalled('half');
  await rig.applyConfigMap('apps', 'half', 'object', elf);
  await rig.applyBpf('apps', 'half');
  await rig.statusWhere('apps', 'half', isReady);
  agents[1]?.pause();
  verdicts.set(sha256(elf), { state: 'Failed', reason: 'BTFMissing', message: 'no BTF' });
  agents[0]?.report();
  const status = await rig.statusWhere('apps', 'half', ({ nodes }) => nodes?.failed === 1);
  expect(reasonOf(status, 'Ready')).toBe('SomeNodesFailed');
  expect(status.nodes?.summary).toBe('1/2');
  verdicts.delete(sha256(elf));
  agents[0]?.report();
  agents[1]?.resume();
  await rig.statusWhere('apps', 'half', isReady);
});

test('two BPFs of one name in two namespaces, with one object, stored once', async () => {
  const elf = objectCalled('shared');
  for (const namespace of ['apps', 'net']) {
    await rig.applyConfigMap(namespace, 'shared', 'object', elf);
    await rig.applyBpf(namespace, 'shared');
  }
  const [a, b] = [await rig.statusWhere('apps', 'shared', isReady), await rig.statusWhere('net', 'shared', isReady)];
  expect(a.payload).toEqual(b.payload);
  expect(a.revision).not.toBe(b.revision);
  const copies = (await payloads()).filter(({ metadata }) => metadata.name.endsWith(sha256(elf).slice(0, 16)));
  expect(copies).toHaveLength(1);
  expect(copies[0]).toMatchObject({ immutable: true, binaryData: { object: Buffer.from(elf).toString('base64') } });
});

test('gzip stays gzip in the copy; the digest is of the object', async () => {
  const elf = objectCalled('zipped');
  const zipped = gzipSync(elf);
  await rig.applyConfigMap('apps', 'zipped', 'object', zipped);
  await rig.applyBpf('apps', 'zipped', {
    program: { valueFrom: { configMapKeyRef: { name: 'zipped', key: 'object' } }, sha256: sha256(elf) },
  });
  const status = await rig.statusWhere('apps', 'zipped', isReady);
  expect(status.payload).toEqual({ sha256: sha256(elf), sizeBytes: elf.length });
  const copy = (await payloads()).find(({ metadata }) => metadata.name.endsWith(sha256(elf).slice(0, 16)));
  expect(copy?.binaryData?.['object']).toBe(zipped.toString('base64'));
});

test('an object of 700 KB, which gzip does not make smaller, applied the documented way', async () => {
  const elf = minimalElf({ sections: [{ name: '.note', data: randomBytes(700_000) }] });
  const configMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'apps', name: 'large' },
    binaryData: { object: Buffer.from(elf).toString('base64') },
  };
  await rig.controlPlane.kubectl(['apply', '--server-side', '-f', '-'], { input: JSON.stringify(configMap) });
  await rig.applyBpf('apps', 'large');
  const status = await rig.statusWhere('apps', 'large', isReady);
  expect(status.payload).toEqual({ sha256: sha256(elf), sizeBytes: elf.length });
  for (const agent of agents) expect([...agent.fetched]).toContain(sha256(elf));
});

test('a copy that somebody made beforehand, of other bytes, is never trusted', async () => {
  const elf = objectCalled('planted');
  const name = `bpf-payload-${sha256(elf).slice(0, 16)}`;
  const labels = { [payloadLabel]: sha256(elf).slice(0, 16) };
  const planted = { metadata: { namespace: operatorNamespace, name, labels }, immutable: true };
  const evil = Buffer.from(objectCalled('evil')).toString('base64');
  await rig.admin.create(configMaps, { ...planted, binaryData: { object: evil } });
  await rig.applyConfigMap('apps', 'planted', 'object', elf);
  await rig.applyBpf('apps', 'planted');
  await rig.statusWhere('apps', 'planted', isReady);
  const copy = await rig.admin.get(configMaps, { namespace: operatorNamespace, name });
  expect(copy.binaryData?.['object']).toBe(Buffer.from(elf).toString('base64'));

  // deleted under a revision, it is made again
  await rig.admin.delete(configMaps, { namespace: operatorNamespace, name });
  await eventually('the copy', () => rig.admin.find(configMaps, { namespace: operatorNamespace, name }));
});

test('suspend detaches and keeps the object; resuming is the same revision', async () => {
  await rig.applyConfigMap('apps', 'paused', 'object', objectCalled('paused'));
  await rig.applyBpf('apps', 'paused');
  const before = await rig.statusWhere('apps', 'paused', isReady);
  await rig.applyBpf('apps', 'paused', { suspend: true });
  const status = await rig.statusWhere('apps', 'paused', ({ phase }) => phase === 'Suspended');
  expect(status).toMatchObject({ observedGeneration: 2, revision: before.revision, nodes: { desired: 0 } });
  expect([reasonOf(status, 'Ready'), reasonOf(status, 'Progressing')]).toEqual(['Suspended', 'Suspended']);
  expect((await revisionsOf('apps', 'paused')).map(({ spec }) => spec.active)).toEqual([false]);
  await eventually('the nodes to let go', async () => {
    const { items } = await rig.admin.list(bpfNodes);
    return items.every(({ status: node }) => !node?.programs?.some(({ ref }) => ref === 'apps/paused'));
  });
  await rig.applyBpf('apps', 'paused', { suspend: false });
  expect((await rig.statusWhere('apps', 'paused', isReady)).revision).toBe(before.revision);
});

test('a node selector counts the nodes it selects, and none is no success', async () => {
  await rig.applyConfigMap('apps', 'selected', 'object', objectCalled('selected'));
  await rig.applyBpf('apps', 'selected', { nodeSelector: { disk: 'ssd' } });
  expect((await rig.statusWhere('apps', 'selected', isReady)).nodes).toMatchObject({ desired: 1, summary: '1/1' });
  await rig.applyBpf('apps', 'selected', { nodeSelector: { disk: 'tape' } });
  const none = await rig.statusWhere('apps', 'selected', (s) => reasonOf(s, 'Ready') === 'NoMatchingNodes');
  expect([none.nodes?.summary, none.phase]).toEqual(['0/0', 'Pending']);
  await rig.applyBpf('apps', 'selected', {});
  expect((await rig.statusWhere('apps', 'selected', isReady)).nodes?.summary).toBe('2/2');
});

test('kubectl wait after an edit is not answered by what was true before it', async () => {
  await rig.applyConfigMap('apps', 'waited', 'object', objectCalled('waited'));
  await rig.applyBpf('apps', 'waited');
  await rig.statusWhere('apps', 'waited', isReady);
  const seen: [number | undefined, string | undefined][] = [];
  const { resourceVersion } = (await rig.admin.list(bpfs, { namespace: 'apps' })) as { resourceVersion: string };
  const stopping = new AbortController();
  const watching = (async () => {
    const options = { namespace: 'apps', resourceVersion, timeoutSeconds: 60, signal: stopping.signal };
    for await (const event of rig.admin.watch(bpfs, options)) {
      if (event.type !== 'MODIFIED' || event.object.metadata.name !== 'waited') continue;
      const conditions = event.object.status?.conditions as Parameters<typeof findCondition>[0];
      seen.push([event.object.status?.observedGeneration, findCondition(conditions, 'Ready')?.status]);
    }
  })().catch(() => undefined);
  await rig.applyBpf('apps', 'waited', { nodeSelector: { 'kubernetes.io/os': 'linux' } });
  await rig.statusWhere('apps', 'waited', (status) => status.observedGeneration === 2 && isReady(status));
  stopping.abort();
  await watching;
  expect(seen.find(([generation]) => generation === 2)).toEqual([2, 'False']);
});

test('kubectl delete returns in seconds, and nothing of the BPF is left', async () => {
  await rig.applyConfigMap('apps', 'deleted', 'object', objectCalled('deleted'));
  await rig.applyBpf('apps', 'deleted');
  await rig.statusWhere('apps', 'deleted', isReady);
  const startMs = performance.now();
  await rig.controlPlane.kubectl(['delete', 'bpf', 'deleted', '--namespace=apps', '--timeout=20s']);
  expect(performance.now() - startMs).toBeLessThan(10_000);
  expect(await revisionsOf('apps', 'deleted')).toEqual([]);
  const { items } = await rig.admin.list(bpfNodes);
  for (const { status } of items) expect(status?.programs?.map(({ ref }) => ref)).not.toContain('apps/deleted');
});

test('a node that is not ready blocks no deletion, and counts as unknown', async () => {
  await rig.applyConfigMap('apps', 'away', 'object', objectCalled('away'));
  await rig.applyBpf('apps', 'away');
  await rig.statusWhere('apps', 'away', isReady);
  agents[1]?.pause();
  await rig.setNodeReady('n2', false, Date.now() - 120_000);
  const status = await rig.statusWhere('apps', 'away', ({ nodes }) => nodes?.unknown === 1);
  expect(status).toMatchObject({ phase: 'Degraded', nodes: { desired: 2, ready: 1, unknown: 1, summary: '1/2' } });
  expect([isReady(status), reasonOf(status, 'Degraded')]).toEqual([true, 'NodesUnreachable']);
  await rig.controlPlane.kubectl(['delete', 'bpf', 'away', '--namespace=apps', '--timeout=20s']);
  await rig.setNodeReady('n2', true);
  agents[1]?.resume();
});

test('a Terminating namespace is not held up', async () => {
  await rig.makeNamespace('doomed');
  await rig.applyConfigMap('doomed', 'doomed', 'object', objectCalled('doomed'));
  await rig.applyBpf('doomed', 'doomed');
  await rig.statusWhere('doomed', 'doomed', isReady);
  await rig.controlPlane.kubectl(['delete', 'namespace', 'doomed', '--wait=false']);
  // what the namespace controller does, which the harness does not run
  await rig.admin.delete(configMaps, { namespace: 'doomed', name: 'doomed' });
  await rig.controlPlane.kubectl(['delete', 'bpf', 'doomed', '--namespace=doomed', '--timeout=20s']);
});

test('only four revisions are kept: the active one and three of history', async () => {
  for (let version = 1; version <= 6; version++) {
    const elf = objectCalled(`history ${version}`);
    await rig.applyConfigMap('apps', 'history', 'object', elf);
    if (version === 1) await rig.applyBpf('apps', 'history');
    await rig.statusWhere('apps', 'history', (s) => isReady(s) && s.payload?.sha256 === sha256(elf));
  }
  const history = await revisionsOf('apps', 'history');
  expect(history.map(({ spec }) => [spec.sequence, spec.active])).toEqual([
    [3, false],
    [4, false],
    [5, false],
    [6, true],
  ]);
});

test('of all this the operator had nothing to complain about', async () => {
  const complaints = await rig.complaints(operator);
  // an Event for a namespace that takes nothing new
  expect(complaints.filter((line) => !line.includes('unable to create new content in namespace doomed'))).toEqual([]);
});
