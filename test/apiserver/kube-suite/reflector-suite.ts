import { Reflector } from '../../../runtime/kube/reflector.ts';
import { ReflectorMetrics } from '../../../runtime/kube/reflector-metrics.ts';
import { metadataOf } from '../../../runtime/kube/resource.ts';
import type { SeenRequest } from '../../fakes/faulty-server.ts';
import { eventually } from '../harness/eventually.ts';
import { ReflectorRig } from './reflector-rig.ts';
import { type ConfigMap, configMaps } from './rig.ts';
import type { KubeTarget } from './target.ts';

const isWatch = ({ url }: SeenRequest) => url.searchParams.has('watch');
const isList = (request: SeenRequest) => request.method === 'GET' && !isWatch(request);

/** List and watch, when nothing goes wrong but what must. */
export function describeReflector(target: () => KubeTarget): void {
  describe('reflector', () => {
    afterEach(async () => {
      target().faulty.heal();
      target().faulty.tokens = undefined;
    });

    test('holds what is there, follows what changes, and knows it by index', async () => {
      const indexers = { value: (object: ConfigMap) => Object.values(object.data ?? {}) };
      await using rig = new ReflectorRig(target(), { indexers });
      await rig.started(target());
      expect(rig.reflector.synced).toBe(true);
      await rig.converge('the open watch', () => rig.reflector.connected);
      await rig.reflector.waitForSync();
      const names = (value: string) => rig.reflector.store.byIndex('value', value).map((o) => o.metadata.name);
      expect(names('1')).toEqual([rig.name('a'), rig.name('b')]);
      await rig.changeAll();
      await rig.caughtUp();
      expect(names('1')).toEqual([rig.name('c')]);
      expect(names('2')).toEqual([rig.name('a')]);
      expect(() => rig.reflector.store.byIndex('none', '1')).toThrow('no index "none"');
      expect(target().faulty.requests).toEqual([]); // all of it came by the one watch
      expect(await rig.metric('reflector_objects', { resource: 'configmaps' })).toBe(2);
      expect(await rig.metric('reflector_events_total')).toBe(3);
    });

    test("asks the server's cache first, with bookmarks and a time limit, and drops what nobody reads", async () => {
      const transform = (object: ConfigMap): ConfigMap => ({ ...object, data: { v: `seen ${object.data?.['v']}` } });
      await using rig = new ReflectorRig(target(), { transform });
      await rig.other.create(configMaps, rig.configMap('a', { v: '1' }));
      target().faulty.forget();
      rig.reflector.start();
      await eventually('the watch', () => rig.watch(target()), { everyMs: 1 });
      const [list, watch] = target().faulty.requests.map(({ url }) => Object.fromEntries(url.searchParams));
      expect(list).toMatchObject({ resourceVersion: '0', labelSelector: `run=${rig.run}` });
      expect(list).not.toHaveProperty('limit');
      expect(watch).toMatchObject({ allowWatchBookmarks: 'true', timeoutSeconds: '300' });
      await rig.other.mergePatch(configMaps, { namespace: 'default', name: rig.name('a') }, { data: { v: '2' } });
      await rig.converge('the change', () => rig.values()['a'] === 'seen 2');
      const [held] = rig.reflector.store.list();
      expect(held?.metadata).not.toHaveProperty('managedFields');
    });

    test('metadata only: the objects never travel', async () => {
      const resource = metadataOf(configMaps);
      await using rig = new ReflectorRig(target(), { resource });
      await rig.other.create(configMaps, rig.configMap('a', { v: '1' }));
      rig.reflector.start();
      await eventually('the watch', () => rig.watch(target()), { everyMs: 1 });
      await rig.other.create(configMaps, rig.configMap('b', { v: '1' }));
      await rig.converge('the second', () => rig.reflector.store.size === 2);
      for (const object of rig.reflector.store.list()) expect(object).not.toHaveProperty('data');
    });

    test('a large collection comes in pages, and a token that expires on the way costs a restart', async () => {
      await using rig = new ReflectorRig(target(), { pageSize: 1 });
      const continued = ({ url }: SeenRequest) => url.searchParams.has('continue');
      await rig.other.create(configMaps, rig.configMap('a', { v: '1' }));
      await rig.other.create(configMaps, rig.configMap('b', { v: '1' }));
      target().faulty.forget();
      target().faulty.inject({ type: 'answer', status: 410, reason: 'Expired' }, continued);
      rig.reflector.start();
      await eventually('the watch', () => rig.watch(target()), { everyMs: 1 });
      expect(rig.values()).toEqual({ a: '1', b: '1' });
      const firstPages = target().faulty.requests.filter((request) => isList(request) && !continued(request));
      expect(firstPages).toHaveLength(2);
      for (const { url } of firstPages) {
        expect(url.searchParams.get('limit')).toBe('1');
        expect(url.searchParams.has('resourceVersion')).toBe(false); // with '0' the server ignores the limit
      }
      expect(rig.believer.events).toHaveLength(2);
    });

    test('goes on from the last event', async () => {
      await using rig = new ReflectorRig(target());
      const watch = await rig.started(target());
      await rig.changeAll();
      await rig.caughtUp();
      const last = rig.reflector.store.get(`default/${rig.name('c')}`)?.metadata.resourceVersion;
      watch.end();
      await rig.converge('another watch', () => target().faulty.requests.some(isWatch));
      expect(target().faulty.requests.find(isWatch)?.url.searchParams.get('resourceVersion')).toBe(last);
    });

    test('goes on from the last bookmark', async () => {
      await using rig = new ReflectorRig(target());
      const watch = await rig.started(target());
      const other = await rig.other.create(configMaps, { metadata: { name: rig.name('x'), namespace: 'default' } });
      const { resourceVersion } = other.metadata;
      watch.write(
        `${JSON.stringify({ type: 'BOOKMARK', object: { kind: 'ConfigMap', metadata: { resourceVersion } } })}\n`,
      );
      watch.end();
      await rig.converge('another watch', () => target().faulty.requests.some(isWatch));
      expect(target().faulty.requests.find(isWatch)?.url.searchParams.get('resourceVersion')).toBe(resourceVersion);
    });

    test('an event that is older than what is held changes nothing', async () => {
      await using rig = new ReflectorRig(target());
      const old = await rig.other.create(configMaps, rig.configMap('z', { v: 'old' }));
      const watch = await rig.started(target()).catch(() => undefined);
      expect(watch).toBeUndefined(); // `started` expects a and b only
      const open = await eventually('the watch', () => rig.watch(target()), { everyMs: 1 });
      await rig.other.mergePatch(configMaps, old.metadata, { data: { v: 'new' } });
      await rig.converge('the new value', () => rig.values()['z'] === 'new');
      for (const type of ['MODIFIED', 'ADDED', 'DELETED']) open.write(`${JSON.stringify({ type, object: old })}\n`);
      await rig.converge('the events', async () => (await rig.metric('reflector_stale_events_total')) === 3);
      expect(rig.values()['z']).toBe('new');
      const seen = rig.reflector.store.get(`default/${rig.name('z')}`)?.metadata.resourceVersion;
      target().faulty.forget();
      open.end();
      await rig.converge('another watch', () => target().faulty.requests.some(isWatch));
      // nor is what was seen asked for again
      expect(target().faulty.requests.find(isWatch)?.url.searchParams.get('resourceVersion')).toBe(seen);
    });

    test('stop during a backoff ends it, and nothing opens afterwards', async () => {
      await using rig = new ReflectorRig(target());
      await rig.started(target());
      await target().faulty.kill();
      await rig.sleeping();
      await rig.reflector.stop();
      await target().faulty.start();
      target().faulty.forget();
      await rig.clock.advance(600_000);
      rig.reflector.start(); // stopped is for good
      await rig.idle();
      expect(target().faulty.requests).toEqual([]);
      expect(rig.clock.pending).toBe(0);
    });

    test.each(['before the list is answered', 'with a watch open'])('stop %s leaves nothing open', async (when) => {
      await using rig = new ReflectorRig(target());
      if (when === 'with a watch open') await rig.started(target());
      else {
        target().faulty.forget();
        target().faulty.inject({ type: 'hang' }, isList);
        rig.reflector.start();
        await eventually('the list', () => target().faulty.requests.some(isList), { everyMs: 1 });
      }
      await rig.reflector.stop();
      target().faulty.forget();
      await eventually('sockets to close', () => rig.transport.connections === 0, { everyMs: 1 });
      await rig.clock.advance(600_000);
      await rig.idle();
      expect(target().faulty.requests).toEqual([]);
      expect(rig.clock.pending).toBe(0);
    });

    test('two reflectors and their calls share three connections', async () => {
      await using rig = new ReflectorRig(target());
      await rig.started(target());
      const { client, clock, logger } = rig;
      const metrics = new ReflectorMetrics(new (await import('prom-client')).Registry());
      const node = { fieldSelector: `metadata.name=${rig.name('n')}` };
      const second = new Reflector({
        ...{ client, clock, logger, metrics, ...node },
        resource: metadataOf(configMaps),
      });
      rig.onDispose(() => second.stop());
      second.start();
      await second.waitForSync();
      const ref = { namespace: 'default', name: rig.name('a') };
      await Promise.all(Array.from({ length: 10 }, () => rig.client.get(configMaps, ref)));
      expect(rig.transport.connections).toBeLessThanOrEqual(3);
      expect(target().faulty.peakConnections).toBeLessThanOrEqual(3);
    });
  });
}
