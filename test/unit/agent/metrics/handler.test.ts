import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, type RequestOptions, request, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import pino from 'pino';
import { metricsHandler, type ScrapeServing, sendLimitMs, stuckLimitMs } from '../../../../agent/metrics/handler.ts';
import { systemClock } from '../../../../runtime/clock.ts';
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
const serving: ScrapeServing = { clock: systemClock, stopping: new AbortController().signal, onRefused: () => {} };
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
    routes: { '/metrics': metricsHandler(exporter, serving) },
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
  return answerOf(`${server.url}${path}`, { method, headers });
}

async function answerOf(url: string, options: RequestOptions = {}): Promise<Answer> {
  const sent = request(url, { agent: false, ...options }).end();
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

async function serve(ownText: () => Promise<string>, other: Partial<ScrapeServing> = {}): Promise<HttpServer> {
  return startHttpServer({
    listen: { host: '127.0.0.1', port: 0 },
    routes: { '/metrics': metricsHandler(newExporter({ ownText }).exporter, { ...serving, ...other }) },
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

test('eight scrapes of one client and sixteen of all may be under way, and others of the own metrics', async () => {
  const held = Promise.withResolvers<string>();
  const { exporter: slow } = newExporter({ ownText: () => held.promise });
  const refused: string[] = [];
  const handler = metricsHandler(slow, { ...serving, onRefused: (reason) => refused.push(reason) });
  let came = 0;
  const busy = await startHttpServer({
    listen: { host: '127.0.0.1', port: 0 },
    routes: {
      '/metrics': (...request) => {
        came++;
        return handler(...request);
      },
    },
    logger: pino({ level: 'silent' }),
  });
  const scrape = (host: number, query = ''): Promise<Answer> =>
    answerOf(`${busy.url}/metrics${query}`, { localAddress: `127.0.0.${host}` });
  // All share one render, which waits; each counts from the moment it came.
  const first = Array.from({ length: 8 }, () => scrape(2));
  await eventually('the first client', () => came === 8);
  expect((await scrape(2)).status).toBe(503);
  const second = Array.from({ length: 8 }, () => scrape(3));
  await eventually('the second client', () => came === 17);
  expect((await scrape(4)).status).toBe(503);
  const alone = scrape(2, '?own=only');
  await eventually('who wants the own metrics', () => came === 19);
  expect((await fetch(`${busy.url}/metrics`, { method: 'HEAD' })).status).toBe(200);
  held.resolve(own);
  for (const answer of [...first, ...second, alone]) expect((await answer).body.toString()).toBe(own);
  expect((await scrape(4)).status).toBe(200);
  expect(refused).toEqual(['places', 'places']);
  await busy.close();
});

test('once the agent stops, no answer lacks the maps that are gone', async () => {
  const stop = new AbortController();
  const reading = Promise.withResolvers<void>();
  const release = Promise.withResolvers<string>();
  const refused: string[] = [];
  const ending = await serve(
    () => {
      reading.resolve();
      return release.promise;
    },
    { stopping: stop.signal, onRefused: (reason) => refused.push(reason) },
  );
  const underWay = answerOf(`${ending.url}/metrics`);
  await reading.promise;
  stop.abort();
  release.resolve(own);
  expect((await underWay).status).toBe(503);
  for (const query of ['', '?bpf=ns/gone']) expect((await answerOf(`${ending.url}/metrics${query}`)).status).toBe(503);
  expect((await answerOf(`${ending.url}/metrics?own=only`)).body.toString()).toBe(own);
  expect(refused).toEqual(['stopping', 'stopping', 'stopping']);
  await ending.close();
});

test('a client that takes none of many small answers is cut off, too', async () => {
  const clock = new ManualClock();
  let answers = 0;
  const busy = await serve(
    async () => {
      answers++;
      return 'x'.repeat(60_000);
    },
    { clock },
  );
  const socket = connect(busy.address.port, '127.0.0.1').pause();
  const closed = once(socket, 'close');
  // One after the other, until they are more than the kernel keeps for a client that does not read.
  for (let i = 1; clock.pending === 0; i++) {
    socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually('the answer', () => answers === i, { everyMs: 1 });
  }
  await clock.advance(stuckLimitMs);
  socket.resume();
  await closed;
  expect(socket.bytesRead).toBeLessThan(answers * 60_000);
  expect(clock.pending).toBe(0);
  await busy.close();
});

describe.each(['identity', 'gzip'])('a client that does not take its answer (%s)', (coding) => {
  // More than the kernel keeps for a client that does not read, zipped too.
  const chunks = Array.from({ length: 128 }, () => Buffer.from(randomBytes(192 << 10).toString('base64')));
  let sizeBytes: number;
  let clock: ManualClock;
  let busy: HttpServer;
  let responses: ServerResponse[];

  beforeEach(async () => {
    clock = new ManualClock();
    responses = [];
    const { exporter: large } = newExporter();
    sizeBytes = 128 * (256 << 10);
    large.render = async () => ({ chunks, sizeBytes, [Symbol.dispose]: () => {} });
    const handler = metricsHandler(large, { ...serving, clock });
    busy = await startHttpServer({
      listen: { host: '127.0.0.1', port: 0 },
      routes: {
        '/metrics': (request, response, context) => {
          responses.push(response);
          return handler(request, response, context);
        },
      },
      logger: pino({ level: 'silent' }),
    });
  });

  afterEach(() => busy.close());

  async function ask(localAddress = '127.0.0.1'): Promise<IncomingMessage> {
    const headers = { 'accept-encoding': coding };
    const sent = request(`${busy.url}/metrics`, { agent: false, headers, localAddress }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return response;
  }

  const taken = (): number =>
    responses.reduce((sum, { socket }) => sum + (socket?.bytesWritten ?? 0) - (socket?.writableLength ?? 0), 0);

  /** Until the kernel takes no more from the server. */
  async function full(): Promise<void> {
    let before = -1;
    await eventually(
      'full buffers',
      () => {
        const now = taken();
        const same = now === before;
        before = now;
        return same && responses.every(({ writableLength, writableEnded }) => writableLength > 0 || writableEnded);
      },
      { everyMs: 100 },
    );
  }

  test('is cut off, and its place is free', async () => {
    sizeBytes = 12 << 20; // eight are just what one address may have under way
    const stuck = await Promise.all(Array.from({ length: 8 }, () => ask()));
    expect((await fetch(`${busy.url}/metrics`)).status).toBe(503);
    await full();
    await clock.advance(stuckLimitMs); // what was taken until the buffers were full counts
    expect(stuck.some(({ destroyed }) => destroyed)).toBe(false);
    await clock.advance(stuckLimitMs - 1);
    expect((await fetch(`${busy.url}/metrics`)).status).toBe(503);
    await clock.advance(1);
    for (const response of stuck) await expect(response.toArray()).rejects.toMatchObject({ code: 'ECONNRESET' });
    const next = await fetch(`${busy.url}/metrics`);
    expect(next.status).toBe(200);
    await next.body?.cancel();
  });

  test('holds no more than its part of the memory', async () => {
    sizeBytes = 48 << 20; // as it says; what counts is not what is sent of it
    await Promise.all([ask(), ask()]);
    const third = await ask(); // two are just as much as may be
    expect(third.statusCode).toBe(200);
    expect((await fetch(`${busy.url}/metrics`)).status).toBe(503);
    const other = await ask('127.0.0.2');
    expect(other.statusCode).toBe(200);
    for (const response of responses) response.destroy();
    await eventually('the memory', async () => {
      const next = await ask();
      return next.statusCode === 200;
    });
    for (const response of responses) response.destroy();
  });

  test('but takes some of it each time is cut off when its time is over', async () => {
    const slow = await ask();
    for (let ms = 0; ms < sendLimitMs; ms += stuckLimitMs) {
      await full();
      await clock.advance(ms === 0 ? stuckLimitMs - 1 : stuckLimitMs);
      expect(responses[0]?.destroyed).toBe(false);
      const before = taken();
      while (taken() === before) if (slow.read() === null) await new Promise(setImmediate);
    }
    await clock.advance(1);
    expect(responses[0]?.destroyed).toBe(true);
    await expect(slow.toArray()).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});
