import { KubeClient } from '../../../runtime/kube/client.ts';
import { isKubeError, KubeError } from '../../../runtime/kube/kube-error.ts';
import { metadataOf } from '../../../runtime/kube/resource.ts';
import { applyStatus, patchStatus } from '../../../runtime/kube/status.ts';
import { configMaps, type Node, nodes, Rig } from './rig.ts';
import type { KubeTarget } from './target.ts';

/** The error that a call ends with; a call that succeeds is a failure of the test. */
export async function errorOf(call: Promise<unknown>): Promise<KubeError> {
  const outcome = await call.then(
    (value) => ({ value }),
    (error: unknown) => error,
  );
  if (!(outcome instanceof KubeError)) throw new Error('no KubeError', { cause: outcome });
  return outcome;
}

/** Verbs and their rules, on any API server. */
export function describeClient(target: () => KubeTarget): void {
  describe('client', () => {
    test('creates, reads, and finds nothing where there is nothing', async () => {
      await using rig = new Rig(target());
      const made = await rig.client.create(configMaps, rig.configMap('a', { k: 'v' }));
      expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
      const ref = { namespace: 'default', name: rig.name('a') };
      expect((await rig.client.get(configMaps, ref)).data).toEqual({ k: 'v' });
      expect((await rig.client.get(configMaps, ref, { resourceVersion: '0' })).metadata.name).toBe(rig.name('a'));
      expect(await rig.client.find(configMaps, { namespace: 'default', name: rig.name('none') })).toBeUndefined();
      const missing = await errorOf(rig.client.get(configMaps, { namespace: 'default', name: rig.name('none') }));
      expect(missing).toMatchObject({ code: 'NotFound', facts: { status: 404, reason: 'NotFound' } });
      const twice = await errorOf(rig.client.create(configMaps, rig.configMap('a')));
      expect(twice).toMatchObject({ code: 'AlreadyExists', facts: { status: 409 } });
    });

    test('update refuses what is out of date', async () => {
      await using rig = new Rig(target());
      const first = await rig.client.create(configMaps, rig.configMap('a', { k: '1' }));
      const second = await rig.client.update(configMaps, { ...first, data: { k: '2' } });
      expect(second.data).toEqual({ k: '2' });
      expect(second.metadata.resourceVersion).not.toBe(first.metadata.resourceVersion);
      const stale = await errorOf(rig.client.update(configMaps, { ...first, data: { k: '3' } }));
      expect(stale.code).toBe('Conflict');
    });

    test('delete keeps to its preconditions, and to delete twice is no error', async () => {
      await using rig = new Rig(target());
      const made = await rig.client.create(configMaps, rig.configMap('a'));
      const ref = { namespace: 'default', name: rig.name('a') };
      const otherUid = '00000000-0000-0000-0000-000000000000';
      expect((await errorOf(rig.client.delete(configMaps, ref, { uid: otherUid }))).code).toBe('Conflict');
      expect(await rig.client.delete(configMaps, ref, { uid: made.metadata.uid })).toBe(true);
      expect(await rig.client.delete(configMaps, ref)).toBe(false);
    });

    test('a finalizer holds an object until it is taken away', async () => {
      await using rig = new Rig(target());
      const draft = rig.configMap('a');
      const metadata = { ...draft.metadata, finalizers: ['example.com/hold'] };
      await rig.client.create(configMaps, { ...draft, metadata });
      const ref = { namespace: 'default', name: rig.name('a') };
      await rig.client.delete(configMaps, ref);
      const dying = await rig.client.get(configMaps, ref);
      expect(dying.metadata.deletionTimestamp).toBeDefined();
      await rig.client.mergePatch(configMaps, ref, { metadata: { finalizers: null } });
      expect(await rig.client.find(configMaps, ref)).toBeUndefined();
    });

    test('a merge patch sets and removes', async () => {
      await using rig = new Rig(target());
      await rig.client.create(configMaps, rig.configMap('a', { gone: '1', kept: '2' }));
      const ref = { namespace: 'default', name: rig.name('a') };
      const patched = await rig.client.mergePatch(configMaps, ref, { data: { gone: null, new: '3' } });
      expect(patched.data).toEqual({ kept: '2', new: '3' });
    });

    test('apply makes, takes back what it no longer says, and asks before it takes from others', async () => {
      await using rig = new Rig(target());
      const ref = { namespace: 'default', name: rig.name('a') };
      const mine = (data: Record<string, string>) => rig.client.apply(configMaps, { metadata: ref, data });
      expect((await mine({ a: '1', b: '1' })).data).toEqual({ a: '1', b: '1' });
      expect((await mine({ a: '1' })).data).toEqual({ a: '1' });
      const theirs = rig.other.apply(configMaps, { metadata: ref, data: { a: '2' } });
      expect((await errorOf(theirs)).code).toBe('Conflict');
      const taken = await rig.other.apply(configMaps, { metadata: ref, data: { a: '2' } }, { force: true });
      expect(taken.data).toEqual({ a: '2' });
    });

    test('lists by page and by selector, and says which state it saw', async () => {
      await using rig = new Rig(target());
      for (const suffix of ['a', 'b', 'c', 'd', 'e']) await rig.client.create(configMaps, rig.configMap(suffix));
      target().faulty.forget();
      const selection = { namespace: 'default', labelSelector: `run=${rig.run}` };
      const list = await rig.client.list(configMaps, { ...selection, pageSize: 2 });
      expect(list.items.map((item) => item.metadata.name)).toEqual(['a', 'b', 'c', 'd', 'e'].map((x) => rig.name(x)));
      expect(Number(list.resourceVersion)).toBeGreaterThan(0);
      expect(target().faulty.requests).toHaveLength(3);
      const one = await rig.client.list(configMaps, { ...selection, fieldSelector: `metadata.name=${rig.name('c')}` });
      expect(one.items.map((item) => item.metadata.name)).toEqual([rig.name('c')]);
    });

    test('a continue token that expired starts the list again, a few times', async () => {
      await using rig = new Rig(target());
      for (const suffix of ['a', 'b', 'c']) await rig.client.create(configMaps, rig.configMap(suffix));
      const { faulty } = target();
      const continued = ({ url }: { url: URL }) => url.searchParams.has('continue');
      const list = () => rig.client.list(configMaps, { labelSelector: `run=${rig.run}`, pageSize: 2 });
      faulty.inject({ type: 'answer', status: 410, reason: 'Expired' }, continued);
      faulty.forget();
      expect((await list()).items).toHaveLength(3);
      expect(faulty.requests).toHaveLength(4); // first page, refused, first page, second page
      faulty.inject({ type: 'answer', status: 410, reason: 'Expired' }, continued, 100);
      faulty.forget();
      expect((await errorOf(list())).code).toBe('Gone');
      expect(faulty.requests).toHaveLength(8);
      faulty.heal();
    });

    test('metadata only brings nothing else', async () => {
      await using rig = new Rig(target());
      await rig.client.create(configMaps, rig.configMap('a', { big: 'x'.repeat(10_000) }));
      const ref = { namespace: 'default', name: rig.name('a') };
      const partial = metadataOf(configMaps);
      const got: object = await rig.client.get(partial, ref);
      expect(got).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: rig.name('a') } });
      expect(got).not.toHaveProperty('data');
      const { items } = await rig.client.list(partial, { labelSelector: `run=${rig.run}` });
      expect(items.map((item) => item.metadata.labels?.['run'])).toEqual([rig.run]);
      expect(items[0]).not.toHaveProperty('data');
    });

    test('a status is written by its own door, as a difference, and not to a successor of the same name', async () => {
      await using rig = new Rig(target());
      const { faulty } = target();
      const made = await makeNode(rig.client, rig.name('n'));
      const conditions = [{ type: 'Ready', status: 'True', reason: 'Up', message: 'up' }];
      const patched = await patchStatus(rig.client, nodes, made, { ...made.status, conditions });
      expect(patched?.status?.conditions).toMatchObject(conditions);
      expect(patched?.metadata.generation).toBe(made.metadata.generation);

      if (patched === undefined) throw new Error('no patch was sent');
      faulty.forget();
      expect(await patchStatus(rig.client, nodes, patched, patched.status ?? {})).toBeUndefined();
      expect(await applyStatus(rig.client, nodes, patched, patched.status ?? {})).toBeUndefined();
      expect(faulty.requests).toHaveLength(0);

      await rig.client.delete(nodes, made.metadata);
      await makeNode(rig.client, rig.name('n'));
      const late = await errorOf(patchStatus(rig.client, nodes, patched, { phase: 'Terminated' }));
      expect(late.code).toBe('Conflict');
      const lateApply = await errorOf(applyStatus(rig.client, nodes, patched, { phase: 'Terminated' }));
      expect(lateApply.code).toBe('Conflict');
      await rig.client.delete(nodes, made.metadata);
    });

    test('a fence stops writes and lets reads through', async () => {
      await using rig = new Rig(target());
      const fenced = new KubeClient({
        transport: rig.transport,
        fieldManager: 'suite',
        fence: () => {
          throw new Error('not leading');
        },
      });
      const ref = { namespace: 'default', name: rig.name('a') };
      expect(await fenced.find(configMaps, ref)).toBeUndefined();
      const writes = [
        () => fenced.create(configMaps, rig.configMap('a')),
        () => fenced.update(configMaps, rig.configMap('a')),
        () => fenced.mergePatch(configMaps, ref, {}),
        () => fenced.apply(configMaps, { metadata: ref }),
        () => fenced.delete(configMaps, ref),
      ];
      for (const write of writes) await expect(write()).rejects.toThrow('not leading');
      expect(await fenced.find(configMaps, ref)).toBeUndefined();
    });
  });
}

async function makeNode(client: KubeClient, name: string): Promise<Node> {
  const made = await client.create(nodes, { metadata: { name } });
  expect(isKubeError(made)).toBe(false);
  return made;
}
