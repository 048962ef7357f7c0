import type { KubeConnection } from '../../../runtime/kube/connection.ts';
import { Reflector } from '../../../runtime/kube/reflector.ts';
import { ReflectorMetrics } from '../../../runtime/kube/reflector-metrics.ts';
import { metadataOf } from '../../../runtime/kube/resource.ts';
import type { OpenWatch, SeenRequest } from '../../fakes/faulty-server.ts';
import { eventually } from '../harness/eventually.ts';
import { ReflectorRig } from './reflector-rig.ts';
import { type ConfigMap, configMaps, type Rig } from './rig.ts';
import type { KubeTarget } from './target.ts';

const isWatch = ({ url }: SeenRequest) => url.searchParams.has('watch');
const isList = (request: SeenRequest) => request.method === 'GET' && !isWatch(request);
const isRead = ({ method }: SeenRequest) => method === 'GET';

const statusLine = (code: number, reason: string) =>
  `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', apiVersion: 'v1', code, reason, message: 'injected' } })}\n`;

/** List and watch, and whatever may go wrong with them. */
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

    // name, what happens to the watch, and how many lists it may take to see everything again
    const streamFaults: readonly (readonly [string, (watch: OpenWatch) => void, number])[] = [
      ['a reset', (watch) => watch.reset(), 0],
      ['an orderly end', (watch) => watch.end(), 0],
      ['half a line, then a reset', (watch) => [watch.write('{"type":"ADD'), setTimeout(() => watch.reset(), 20)], 0],
      ['half a line, then an orderly end', (watch) => [watch.write('{"type":"ADD'), watch.end()], 1],
      ['a line that is no JSON', (watch) => watch.write('{"type":"ADDED","object":\n'), 1],
      [
        'an event of an unknown type',
        (watch) => watch.write('{"type":"NEW","object":{"metadata":{"resourceVersion":"1"}}}\n'),
        1,
      ],
      ['an event without a version', (watch) => watch.write('{"type":"ADDED","object":{"metadata":{}}}\n'), 1],
      ['ERROR 500', (watch) => watch.write(statusLine(500, 'InternalError')), 0],
      ['ERROR 410', (watch) => watch.write(statusLine(410, 'Expired')), 1],
    ];
    test.each(streamFaults)('%s in the stream loses nothing and repeats nothing', async (_, fault, lists) => {
      await using rig = new ReflectorRig(target());
      const watch = await rig.started(target());
      watch.silence();
      await rig.changeAll();
      fault(watch);
      await rig.caughtUp();
      expect(target().faulty.requests.filter(isList)).toHaveLength(lists);
      await rig.converge('a watch', () => rig.reflector.connected);
      expect(target().faulty.requests.filter(isWatch)).toHaveLength(1);
      expect(target().faulty.peakConnections).toBeLessThanOrEqual(3);
    });

    test('a half-open connection is given up 15 s after its time', async () => {
      await using rig = new ReflectorRig(target());
      const watch = await rig.started(target());
      watch.silence();
      await rig.changeAll();
      await rig.clock.advance(314_999);
      expect(rig.watch(target())).toBe(watch);
      await rig.clock.advance(1);
      await rig.caughtUp();
      expect(target().faulty.requests.filter(isList)).toHaveLength(0);
    });

    test.each([
      ['410', { type: 'answer', status: 410, reason: 'Expired' }, 1, 500],
      ['429 with Retry-After', { type: 'answer', status: 429, retryAfterSeconds: 9 }, 0, 9_500],
      ['503', { type: 'answer', status: 503 }, 0, 1_000],
      ['a reset', { type: 'reset' }, 0, 1_000],
      ['403', { type: 'answer', status: 403, reason: 'Forbidden' }, 0, 1_000],
      ['404', { type: 'answer', status: 404, reason: 'NotFound' }, 1, 500],
    ] as const)('%s in answer to a watch', async (_, fault, lists, waitAtLeastMs) => {
      await using rig = new ReflectorRig(target());
      const watch = await rig.started(target());
      target().faulty.inject(fault, isWatch);
      const startMs = rig.clock.monotonic();
      watch.reset();
      await rig.changeAll();
      await rig.caughtUp();
      expect(rig.clock.monotonic() - startMs).toBeGreaterThanOrEqual(waitAtLeastMs);
      await rig.converge('a watch', () => rig.reflector.connected);
      expect(target().faulty.requests.filter(isList)).toHaveLength(lists);
      expect(target().faulty.requests.filter(isWatch)).toHaveLength(2);
    });

    test('a list that the server cannot give from its cache is asked for anew', async () => {
      await using rig = new ReflectorRig(target());
      const watch = await rig.started(target());
      target().faulty.inject({ type: 'answer', status: 410, reason: 'Expired' }, isList);
      watch.write(statusLine(410, 'Expired'));
      await rig.changeAll();
      await rig.caughtUp();
      const versions = target()
        .faulty.requests.filter(isList)
        .map(({ url }) => url.searchParams.get('resourceVersion'));
      expect(versions).toEqual([expect.stringMatching(/^\d+$/), null]);
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
      expect(target().faulty.requests.filter((request) => isList(request) && !continued(request))).toHaveLength(2);
      expect(rig.believer.events).toHaveLength(2);
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
    });

    test('a server that is killed and comes back is found again, by a bounded number of requests', async () => {
      await using rig = new ReflectorRig(target());
      await rig.started(target());
      await target().faulty.kill();
      await rig.changeAll();
      await rig.converge('three attempts', async () => (await failures(rig)) >= 3);
      expect(rig.reflector.connected).toBe(false);
      expect(rig.reflector.synced).toBe(true); // what it knows, it still serves
      await target().faulty.start();
      await rig.caughtUp();
      expect(target().faulty.requests.filter(isList)).toHaveLength(0);
    });

    test.each(['503 to everything', 'nobody there'])('ten minutes of %s are a few attempts', async (what) => {
      await using rig = new ReflectorRig(target(), { random: () => 1 });
      const watch = await rig.started(target());
      if (what === 'nobody there') await target().faulty.kill();
      else target().faulty.inject({ type: 'answer', status: 503 }, isRead, 1_000);
      watch.reset();
      const untilMs = rig.clock.monotonic() + 600_000;
      await rig.converge('ten minutes', () => rig.clock.monotonic() >= untilMs);
      expect(await failures(rig)).toBeGreaterThan(10);
      expect(await failures(rig)).toBeLessThan(20); // 1, 2, 4, … 32, 60, 60, …
      target().faulty.heal();
      if (what === 'nobody there') await target().faulty.start();
      await rig.changeAll();
      await rig.caughtUp();
    });

    test('a rotated token costs one 401', async () => {
      let onDisk = 'one';
      target().faulty.tokens = new Set(['one']);
      const connection: KubeConnection = target().connection(() => onDisk);
      await using rig = new ReflectorRig(target(), {}, { connection });
      const watch = await rig.started(target());
      onDisk = 'two';
      target().faulty.tokens = new Set(['two']);
      watch.reset();
      await rig.changeAll();
      await rig.caughtUp();
      const tokens = target().faulty.requests.map(({ headers }) => headers.authorization);
      expect(tokens).toEqual(['Bearer one', 'Bearer two']);
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

async function failures(rig: Rig): Promise<number> {
  return await rig.metric('reflector_failures_total');
}
