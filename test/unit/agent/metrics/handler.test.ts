import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import pino from 'pino';
import { metricsHandler, sendLimitMs } from '../../../../agent/metrics/handler.ts';
import { type Clock, systemClock } from '../../../../runtime/clock.ts';
import { type HttpServer, startHttpServer } from '../../../../runtime/http.ts';
import { eventually } from '../../../apiserver/harness/eventually.ts';
import { ManualClock } from '../../../fakes/manual-clock.ts';
import { MemoryMap } from '../../../fakes/memory-map.ts';
import { objectOf, u32, u64 } from '../../../fixtures/layouts.ts';
import { bpfOf, newExporter } from './exporting.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

let server: HttpServer;
let budgets: number[];
const map = new MemoryMap({ name: 'hits', keySizeBytes: 4, valueSizeBytes: 8 }, []);
const { exporter } = newExporter({ ownText: async () => '# TYPE own gauge\n' });
exporter.add(bpfOf('ns/b', objectOf({ hits: { key: u32, value: u64 } }), { hits: map }));

beforeAll(async () => {
  const render = exporter.render.bind(exporter);
  exporter.render = (signal, options) => {
    budgets.push(options.budgetMs);
    return render(signal, options);
  };
  server = await startHttpServer({
    listen: { host: '127.0.0.1', port: 0 },
    routes: { '/metrics': metricsHandler(exporter, systemClock) },
    logger: pino({ level: 'silent' }),
  });
});

beforeEach(() => {
  budgets = [];
  map.entries = [[Buffer.alloc(4), Buffer.alloc(8)]];
  map.onRead = () => {};
});

afterAll(() => server.close());

async function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const sent = request(`${server.url}${path}`, { method, headers, agent: false }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const body = Buffer.concat(await response.toArray());
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

const contentType = 'text/plain; version=0.0.4; charset=utf-8';
const series =
  '# HELP bpf_hits BPF map hits.\n# TYPE bpf_hits untyped\nbpf_hits{bpf_name="b",bpf_namespace="ns",key="0",node="n1"} 0\n';
const own = '# TYPE own gauge\n';

test.each([
  ['', series + own],
  ['?bpf=ns/b', series],
  ['?bpf=ns%2Fb', series],
  ['?own=only', own],
  ['?other=1', series + own],
])('GET /metrics%s', async (query, body) => {
  const answer = await get(`/metrics${query}`);
  expect(answer).toMatchObject({
    status: 200,
    headers: { 'content-type': contentType, 'content-length': String(body.length) },
  });
  expect(answer.body.toString()).toBe(body);
});

test.each([
  ['?bpf=ns/other', 404],
  ['?bpf=b', 400],
  ['?bpf=', 400],
  ['?bpf=ns/b/c', 400],
  ['?bpf=ns/b&bpf=ns/b', 400],
  ['?own=yes', 400],
  ['?own=only&bpf=ns/b', 400],
])('GET /metrics%s is refused with %i', async (query, status) => {
  expect((await get(`/metrics${query}`)).status).toBe(status);
});

test('HEAD has the type, and costs no render', async () => {
  const answer = await get('/metrics', {}, 'HEAD');
  expect(answer).toMatchObject({ status: 200, headers: { 'content-type': contentType }, body: Buffer.alloc(0) });
  expect(budgets).toEqual([]);
});

test.each([
  ['gzip', true],
  ['deflate, gzip;q=0.5', true],
  ['GZIP', true],
  ['*', true],
  ['identity', false],
  ['gzip;q=0', false],
  ['gzip;q=0, *', false],
  ['br', false],
])('Accept-Encoding: %s', async (accepted, zipped) => {
  const { headers, body } = await get('/metrics', { 'accept-encoding': accepted });
  expect(headers['content-encoding']).toBe(zipped ? 'gzip' : undefined);
  expect((zipped ? gunzipSync(body) : body).toString()).toBe(series + own);
});

test.each([
  [undefined, 10_000],
  ['10', 9_000],
  ['0.5', 450],
  ['3600', 60_000],
  ['0', 10_000],
  ['-1', 10_000],
  ['soon', 10_000],
])('X-Prometheus-Scrape-Timeout-Seconds: %s', async (seconds, budgetMs) => {
  await get('/metrics', seconds === undefined ? {} : { 'x-prometheus-scrape-timeout-seconds': seconds });
  expect(budgets).toEqual([budgetMs]);
});

async function serve(ownText: () => Promise<string>, clock: Pick<Clock, 'timer'> = systemClock): Promise<HttpServer> {
  return startHttpServer({
    listen: { host: '127.0.0.1', port: 0 },
    routes: { '/metrics': metricsHandler(newExporter({ ownText }).exporter, clock) },
    logger: pino({ level: 'silent' }),
  });
}

test.each([0, 1, 1 << 16, (1 << 16) + 1])('what is no ASCII arrives as it is, behind %i bytes', async (sizeBytes) => {
  const text = `${'x'.repeat(sizeBytes)}# HELP own é\u{1f600}\n`;
  const other = await serve(async () => text);
  const response = await fetch(`${other.url}/metrics`, { headers: { 'accept-encoding': 'identity' } });
  expect(response.headers.get('content-length')).toBe(String(Buffer.byteLength(text)));
  expect(await response.text()).toBe(text);
  await other.close();
});

test('a small answer is one write', async () => {
  const socket = connect(server.address.port, '127.0.0.1');
  socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
  const [first] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  expect(first.toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(first.toString().endsWith(`\r\n\r\n${series}${own}`)).toBe(true);
});

test('a large exposition arrives whole, zipped or not, while others are served', async () => {
  map.entries = Array.from({ length: 20_000 }, (_, i) => {
    const key = Buffer.alloc(4);
    key.writeUInt32LE(i);
    return [key, Buffer.alloc(8)] as const;
  });
  const large = { maxEntries: 20_000 };
  exporter.add(
    bpfOf('ns/b', objectOf({ hits: { key: u32, value: u64 } }), {
      hits: new MemoryMap({ name: 'hits', keySizeBytes: 4, valueSizeBytes: 8, ...large }, map.entries),
    }),
  );
  const [plain, zipped, part] = await Promise.all([
    get('/metrics'),
    get('/metrics', { 'accept-encoding': 'gzip' }),
    get('/metrics?bpf=ns/b'),
  ]);
  exporter.add(bpfOf('ns/b', objectOf({ hits: { key: u32, value: u64 } }), { hits: map }));
  expect(plain?.body.toString().split('\n')).toHaveLength(20_004);
  expect(gunzipSync(zipped?.body ?? '').equals(plain?.body ?? Buffer.alloc(0))).toBe(true);
  expect(`${part?.body.toString()}${own}`).toBe(plain?.body.toString());
});

test('a client that goes away in the middle leaves nothing behind', async () => {
  const reading = Promise.withResolvers<void>();
  map.onRead = () => reading.resolve();
  const sent = request(`${server.url}/metrics`, { agent: false }).end();
  sent.on('error', () => {});
  await reading.promise;
  sent.destroy();
  map.onRead = () => {};
  expect((await get('/metrics')).body.toString()).toBe(series + own);
});

test('sixteen clients may be slow at once, not seventeen', async () => {
  const held = Promise.withResolvers<string>();
  const begun = Promise.withResolvers<void>();
  const slow = newExporter({
    ownText: () => {
      begun.resolve();
      return held.promise;
    },
  });
  const busy = await startHttpServer({
    listen: { host: '127.0.0.1', port: 0 },
    routes: { '/metrics': metricsHandler(slow.exporter, systemClock) },
    logger: pino({ level: 'silent' }),
  });
  // All share one render, which waits; each counts from the moment it came.
  const first = Array.from({ length: 16 }, () => fetch(`${busy.url}/metrics`));
  await begun.promise;
  let refused = await fetch(`${busy.url}/metrics?own=only`);
  expect(refused.status).toBe(503);
  refused = await fetch(`${busy.url}/metrics`, { method: 'HEAD' });
  expect(refused.status).toBe(200);
  held.resolve(own);
  for (const answer of first) expect(await (await answer).text()).toBe(own);
  expect((await fetch(`${busy.url}/metrics`)).status).toBe(200);
  await busy.close();
});

test('a client that takes none of many small answers is cut off, too', async () => {
  const clock = new ManualClock();
  let answers = 0;
  const busy = await serve(async () => {
    answers++;
    return 'x'.repeat(60_000);
  }, clock);
  const socket = connect(busy.address.port, '127.0.0.1').pause();
  const closed = once(socket, 'close');
  // One after the other, until they are more than the kernel keeps for a client that does not read.
  for (let i = 1; clock.pending === 0; i++) {
    socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually('the answer', () => answers === i, { everyMs: 1 });
  }
  await clock.advance(sendLimitMs);
  socket.resume();
  await closed;
  expect(socket.bytesRead).toBeLessThan(answers * 60_000);
  expect(clock.pending).toBe(0);
  await busy.close();
});

test.each(['identity', 'gzip'])(
  'a client that does not take its answer (%s) is cut off, and its place is free',
  async (coding) => {
    const clock = new ManualClock();
    // More than the kernel keeps for a client that does not read, zipped too.
    const large = randomBytes(24 << 20).toString('base64');
    const busy = await serve(async () => large, clock);
    const stuck = await Promise.all(
      Array.from({ length: 16 }, async () => {
        const sent = request(`${busy.url}/metrics?own=only`, {
          agent: false,
          headers: { 'accept-encoding': coding },
        }).end();
        const [response] = (await once(sent, 'response')) as [IncomingMessage];
        return response;
      }),
    );
    const full = await fetch(`${busy.url}/metrics`);
    expect(full.status).toBe(503);
    await clock.advance(sendLimitMs - 1);
    expect(stuck.some(({ destroyed }) => destroyed)).toBe(false);
    expect((await fetch(`${busy.url}/metrics`)).status).toBe(503);
    await clock.advance(1);
    for (const response of stuck) await expect(response.toArray()).rejects.toMatchObject({ code: 'ECONNRESET' });
    const next = await fetch(`${busy.url}/metrics`, { method: 'GET' });
    expect(next.status).toBe(200);
    await next.body?.cancel();
    await busy.close();
  },
);
