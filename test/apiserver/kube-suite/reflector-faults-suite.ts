import type { KubeConnection } from '../../../runtime/kube/connection.ts';
import type { OpenWatch, SeenRequest } from '../../fakes/faulty-server.ts';
import { eventually } from '../harness/eventually.ts';
import { ReflectorRig } from './reflector-rig.ts';
import { configMaps, type Rig } from './rig.ts';
import type { KubeTarget } from './target.ts';

const isWatch = ({ url }: SeenRequest) => url.searchParams.has('watch');
const isList = (request: SeenRequest) => request.method === 'GET' && !isWatch(request);
const isRead = ({ method }: SeenRequest) => method === 'GET';

const statusLine = (code: number, reason: string) =>
  `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', apiVersion: 'v1', code, reason, message: 'injected' } })}\n`;

/** List and watch, and whatever may go wrong with them. */
export function describeReflectorFaults(target: () => KubeTarget): void {
  describe('reflector in trouble', () => {
    afterEach(async () => {
      target().faulty.heal();
      target().faulty.tokens = undefined;
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

    test('a watch that is never answered is given up at its deadline', async () => {
      await using rig = new ReflectorRig(target());
      const watch = await rig.started(target());
      target().faulty.inject({ type: 'hang' }, isWatch);
      watch.reset();
      await rig.changeAll();
      await rig.sleeping();
      await rig.clock.advance(500);
      await eventually('the watch', () => target().faulty.requests.some(isWatch), { everyMs: 1 });
      await rig.clock.advance(30_000);
      await rig.caughtUp();
      expect(target().faulty.requests.filter(isWatch)).toHaveLength(2);
    });

    test('a first list that fails is one request a failure', async () => {
      await using rig = new ReflectorRig(target());
      await rig.other.create(configMaps, rig.configMap('a', { v: '1' }));
      target().faulty.forget();
      target().faulty.inject({ type: 'answer', status: 503 }, isList, 3);
      rig.reflector.start();
      expect(rig.reflector.synced).toBe(false);
      await rig.converge('the list', () => rig.reflector.synced);
      expect(target().faulty.requests.filter(isList)).toHaveLength(4);
      expect(await failures(rig)).toBe(3);
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

    test.each(['an event', 'ten quiet seconds'])('after %s the next failure is the first again', async (what) => {
      await using rig = new ReflectorRig(target(), { random: () => 1 });
      const watch = await rig.started(target());
      target().faulty.inject({ type: 'answer', status: 503 }, isWatch, 5);
      watch.reset();
      await rig.converge('five failures', async () => (await failures(rig)) === 6);
      await rig.converge('a watch', () => rig.reflector.connected);
      const next = await eventually('the watch', () => rig.watch(target()), { everyMs: 1 });
      if (what === 'an event') {
        await rig.changeAll();
        await rig.caughtUp();
      } else await rig.clock.advance(10_000);
      next.reset();
      await rig.sleeping();
      expect(rig.clock.sleepsMs).toEqual([1_000]);
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
  });
}

async function failures(rig: Rig): Promise<number> {
  return await rig.metric('reflector_failures_total');
}
