import { DeadlineError } from '../../../runtime/cancel.ts';
import type { SeenRequest } from '../../fakes/faulty-server.ts';
import { errorOf } from './client-suite.ts';
import { configMaps, Rig } from './rig.ts';
import type { KubeTarget } from './target.ts';

const isGet = ({ method }: SeenRequest) => method === 'GET';
const isPost = ({ method }: SeenRequest) => method === 'POST';

/** What happens when the server or the way to it fails. */
export function describeTransport(target: () => KubeTarget): void {
  describe('transport', () => {
    afterEach(() => target().faulty.heal());

    const ref = (rig: Rig) => ({ namespace: 'default', name: rig.name('a') });

    test.each([
      ['429 with Retry-After', { type: 'answer', status: 429, retryAfterSeconds: 7 }, 7_000],
      ['503 with Retry-After', { type: 'answer', status: 503, retryAfterSeconds: 3 }, 3_000],
      ['503', { type: 'answer', status: 503 }, 500],
      ['500', { type: 'answer', status: 500 }, 500],
      ['reset', { type: 'reset' }, 500],
    ] as const)('a GET that meets %s is sent again after the wait, once', async (_, fault, waitMs) => {
      await using rig = new Rig(target());
      await rig.other.create(configMaps, rig.configMap('a', { k: 'v' }));
      target().faulty.forget();
      target().faulty.inject(fault, isGet);
      const answer = rig.client.get(configMaps, ref(rig));
      let settled = false;
      void answer.finally(() => (settled = true));
      const startMs = rig.clock.monotonic();
      await rig.sleeping();
      await rig.clock.advance(waitMs - 1);
      expect(settled).toBe(false);
      expect(target().faulty.requests).toHaveLength(1);
      await rig.clock.advance(1);
      expect((await answer).data).toEqual({ k: 'v' });
      expect(target().faulty.requests).toHaveLength(2);
      expect(rig.clock.monotonic() - startMs).toBe(waitMs);
    });

    test.each([
      ['429', { type: 'answer', status: 429, retryAfterSeconds: 1 }, 2],
      ['503 with Retry-After', { type: 'answer', status: 503, retryAfterSeconds: 1 }, 2],
      ['503', { type: 'answer', status: 503 }, 1],
      ['500', { type: 'answer', status: 500 }, 1],
      ['reset', { type: 'reset' }, 1],
      ['reset on a connection that was used before', { type: 'reset' }, 1],
      ['reset after it was carried out', { type: 'reset-after' }, 1],
    ] as const)('a POST that meets %s (%#) is repeated only when it was refused', async (name, fault, requests) => {
      await using rig = new Rig(target());
      if (name.includes('used before')) await rig.client.find(configMaps, ref(rig));
      target().faulty.forget();
      target().faulty.inject(fault, isPost);
      let settled = false;
      const outcome = rig.client.create(configMaps, rig.configMap('a')).then(
        () => 'created',
        (error: { code: string }) => error.code,
      );
      void outcome.then(() => (settled = true));
      await rig.converge('an end', () => settled);
      expect(target().faulty.requests.filter(isPost)).toHaveLength(requests);
      if (requests === 2) expect(await outcome).toBe('created');
      else expect(['Unavailable', 'ServerError', 'ConnectionFailed']).toContain(await outcome);
    });

    test('a refused connection is repeated, POST or not, since nothing was sent', async () => {
      await using rig = new Rig(target());
      await target().faulty.kill();
      const answer = rig.client.create(configMaps, rig.configMap('a'));
      await rig.converge('the first attempt', async () => (await rig.metric('rest_client_retries_total')) === 1);
      await target().faulty.start();
      let made = false;
      void answer.then(() => (made = true));
      await rig.converge('the object', () => made);
    });

    test.each([
      [undefined, 5], // after 0, 1, 3, 7 and 15 s; the next would be past the deadline of 30 s
      [600_000, 6],
    ])(
      'a storm of 503 is met with a few requests, and ends with its last error (deadline %s)',
      async (deadlineMs, most) => {
        await using rig = new Rig(target(), { transport: { random: () => 1 } });
        target().faulty.inject({ type: 'answer', status: 503 }, isGet, 1_000);
        target().faulty.forget();
        let settled = false;
        const call = rig.client.get(configMaps, ref(rig), deadlineMs === undefined ? {} : { deadlineMs });
        const answer = errorOf(call).finally(() => (settled = true));
        await rig.converge('the end', () => settled);
        expect(await answer).toMatchObject({ code: 'Unavailable', facts: { status: 503 } });
        expect(target().faulty.requests).toHaveLength(most);
      },
    );

    test('a server that does not answer is given up at the deadline, and its connection with it', async () => {
      await using rig = new Rig(target());
      target().faulty.forget();
      target().faulty.inject({ type: 'hang' }, isGet);
      const answer = rig.client.get(configMaps, ref(rig), { deadlineMs: 40_000 }).catch((error: unknown) => error);
      await rig.converge('the request', () => target().faulty.requests.some(isGet));
      await rig.clock.advance(40_000);
      expect(await answer).toBeInstanceOf(DeadlineError);
      await rig.converge('no connection', () => rig.transport.connections === 0);
    });

    test('an aborted call ends at once, also while it waits for its next attempt', async () => {
      await using rig = new Rig(target());
      target().faulty.inject({ type: 'answer', status: 503 }, isGet, 100);
      const controller = new AbortController();
      const answer = rig.client
        .get(configMaps, ref(rig), { signal: controller.signal })
        .catch((error: unknown) => error);
      await rig.sleeping();
      const reason = new Error('enough');
      controller.abort(reason);
      expect(await answer).toBe(reason);
      expect(rig.clock.pending).toBe(0);
    });

    test('a token that was rotated is read again after one 401, and not before', async () => {
      let onDisk = 'one';
      target().faulty.tokens = new Set(['one']);
      await using rig = new Rig(target(), { connection: target().connection(() => onDisk) });
      rig.onDispose(async () => {
        target().faulty.tokens = undefined;
      });
      target().faulty.forget();
      await rig.client.find(configMaps, ref(rig));
      expect(target().faulty.requests).toHaveLength(1);
      target().faulty.tokens = new Set(['two']);
      onDisk = 'two';
      await rig.client.create(configMaps, rig.configMap('a')); // a POST too: a 401 carries out nothing
      expect(target().faulty.requests).toHaveLength(3);
      await rig.client.find(configMaps, ref(rig));
      expect(target().faulty.requests).toHaveLength(4);
      target().faulty.tokens = new Set(['three']);
      expect((await errorOf(rig.client.get(configMaps, ref(rig)))).code).toBe('Unauthorized');
      expect(target().faulty.requests).toHaveLength(5); // the same token again would be the same answer
    });

    test('never opens more than its three connections', async () => {
      await using rig = new Rig(target());
      await rig.converge('quiet', () => target().faulty.connections === 0);
      target().faulty.forget();
      await Promise.all(Array.from({ length: 20 }, () => rig.client.find(configMaps, ref(rig))));
      expect(target().faulty.peakConnections).toBe(3);
      expect(target().faulty.requests).toHaveLength(20);
    });

    test('with new TLS material it goes on over new connections, and the old ones close as they become idle', async () => {
      const first = target().connection();
      let { ca = '' } = await first.credentials({ renew: false });
      await using rig = new Rig(target(), { connection: { ...first, credentials: async () => ({ ca }) } });
      const { resourceVersion } = await rig.client.list(configMaps);
      const watch = rig.client.watch(configMaps, { resourceVersion, timeoutSeconds: 300 });
      const firstEvent = watch.next();
      await rig.converge('the watch to open', () => target().faulty.watches.length === 1);
      await Promise.all([rig.client.find(configMaps, ref(rig)), rig.client.find(configMaps, ref(rig))]);
      expect(rig.transport.connections).toBe(3);
      ca = `${ca}\n`;
      await rig.client.create(configMaps, rig.configMap('a'));
      await rig.converge('the watch and one new connection', () => rig.transport.connections === 2);
      expect((await firstEvent).done).toBe(false); // the watch went on
      for (const open of target().faulty.watches) open.end();
      expect((await watch.next()).done).toBe(true);
      await rig.converge('one connection', () => rig.transport.connections === 1);
    });

    test('passes warnings on', async () => {
      const seen: string[] = [];
      await using rig = new Rig(target(), { transport: { onWarning: (text) => seen.push(text) } });
      const headers = { warning: '299 - "unknown field \\"spec.x\\"", 299 - "second"' };
      target().faulty.inject({ type: 'headers', headers }, isGet);
      await rig.client.find(configMaps, ref(rig));
      expect(seen).toEqual(['unknown field "spec.x"', 'second']);
      expect(await rig.metric('rest_client_warnings_total')).toBe(2);
    });

    test.each([
      ['not JSON', 'BadResponse', '<html>', {}],
      [
        'too large',
        'ResponseTooLarge',
        JSON.stringify({ metadata: {}, data: 'x'.repeat(2_000) }),
        { maxResponseBytes: 1_000 },
      ],
    ] as const)('an answer that is %s is an error of its own', async (_, code, body, options) => {
      await using rig = new Rig(target(), { transport: options });
      target().faulty.inject({ type: 'body', body }, isGet);
      expect((await errorOf(rig.client.get(configMaps, ref(rig)))).code).toBe(code);
    });

    test('asks for nothing compressed', async () => {
      await using rig = new Rig(target());
      target().faulty.forget();
      await rig.client.find(configMaps, ref(rig));
      expect(target().faulty.requests[0]?.headers['accept-encoding']).toBe('identity');
    });
  });
}
