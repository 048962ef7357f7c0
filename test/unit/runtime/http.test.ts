import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import {
  type HttpHandler,
  HttpListenError,
  type HttpServer,
  sendText,
  startHttpServer,
} from '../../../runtime/http.ts';
import { formatListenAddress, parseListenAddress } from '../../../runtime/listen-address.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { eventually } from '../../apiserver/harness/eventually.ts';

test.each([
  ['0.0.0.0:9387', { host: '0.0.0.0', port: 9387 }],
  ['[::1]:9387', { host: '::1', port: 9387 }],
  ['localhost:0', { host: 'localhost', port: 0 }],
  [':9387', { host: '', port: 9387 }],
  ['a:65535', { host: 'a', port: 65_535 }],
  ['a:65536', undefined],
  ['a:', undefined],
  ['a', undefined],
  ['9387', undefined],
  ['::1:9387', undefined],
  ['a:-1', undefined],
  ['a b:1', undefined],
  ['', undefined],
])('parseListenAddress(%j)', (input, wanted) => {
  const address = parseListenAddress(input);
  expect(address).toEqual(wanted);
  if (address !== undefined) expect(formatListenAddress(address)).toBe(input);
});

describe('an HTTP server', () => {
  const lines: string[] = [];
  const logger = createLogger({ name: 'test', level: 'error', destination: { write: (line) => lines.push(line) } });
  const listen = { host: '127.0.0.1', port: 0 };
  const servers: HttpServer[] = [];
  const start = async (routes: Record<string, HttpHandler>) => {
    const server = await startHttpServer({ listen, routes, logger });
    servers.push(server);
    return server;
  };
  afterEach(async () => {
    lines.length = 0;
    for (const server of servers.splice(0)) await server.close(AbortSignal.abort(new Error('test ends')));
  });

  const ask = async (server: HttpServer, path: string, options: { method?: string; agent?: Agent } = {}) => {
    const sent = request(server.url, { agent: false, path, ...options }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return { status: response.statusCode, headers: response.headers, body: await text(response) };
  };

  const hello: HttpHandler = (_, response, { query }) => sendText(response, 200, `hello ${query.get('x') ?? ''}`);

  test.each([
    ['GET', '/hello?x=1', 200, 'hello 1'],
    ['HEAD', '/hello?x=1', 200, ''],
    ['GET', '/other', 404, 'not found\n'],
    ['GET', '/hello/', 404, 'not found\n'],
    ['GET', '/constructor', 404, 'not found\n'],
    ['GET', 'http://server/hello?x=1', 200, 'hello 1'],
    ['GET', 'http://server/other', 404, 'not found\n'],
    ['GET', '//hello/hello', 404, 'not found\n'],
    ['GET', '*', 404, 'not found\n'],
    ['POST', '/hello', 405, 'method not allowed\n'],
    ['DELETE', '/hello', 405, 'method not allowed\n'],
  ])('%s %s is %d', async (method, path, status, body) => {
    const server = await start({ '/hello': hello });
    const answer = await ask(server, path, { method });
    expect([answer.status, answer.body]).toEqual([status, body]);
    if (status === 405) expect(answer.headers.allow).toBe('GET, HEAD');
    if (method === 'HEAD') expect(answer.headers['content-length']).toBe('7');
  });

  test('a handler that throws is 500 and a log line, and hurts no other request', async () => {
    const server = await start({
      '/throws': () => Promise.reject(new Error('oops')),
      '/hello': hello,
    });
    expect((await ask(server, '/throws')).status).toBe(500);
    expect((await ask(server, '/hello')).status).toBe(200);
    expect(lines.map((line) => (JSON.parse(line) as { path: string }).path)).toEqual(['/throws']);
  });

  test('a client that goes away aborts its handler', async () => {
    const seen = Promise.withResolvers<AbortSignal>();
    const server = await start({
      '/slow': async (_request, _response, { signal }) => {
        seen.resolve(signal);
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      },
    });
    const sent = request(`${server.url}/slow`, { agent: false }).end();
    sent.on('error', () => {});
    const signal = await seen.promise;
    expect(signal.aborted).toBe(false);
    sent.destroy();
    await eventually('the abort', () => signal.aborted, { everyMs: 1 });
    expect(lines).toEqual([]);
  });

  test('who has the answer did not go away', async () => {
    const [seen, closed] = [Promise.withResolvers<AbortSignal>(), Promise.withResolvers<void>()];
    const server = await start({
      '/hello': (request, response, context) => {
        seen.resolve(context.signal);
        response.once('close', () => closed.resolve());
        hello(request, response, context);
      },
    });
    expect((await ask(server, '/hello')).status).toBe(200);
    const signal = await seen.promise;
    await closed.promise;
    expect(signal.aborted).toBe(false);
  });

  test('a signal that is asked for when the client has gone is aborted', async () => {
    const [started, gone] = [Promise.withResolvers<void>(), Promise.withResolvers<AbortSignal>()];
    const server = await start({
      '/slow': async (_, response, context) => {
        started.resolve();
        await once(response, 'close');
        gone.resolve(context.signal);
        throw new Error('hurts nobody');
      },
    });
    const sent = request(`${server.url}/slow`, { agent: false }).end();
    sent.on('error', () => {});
    await started.promise;
    sent.destroy();
    expect((await gone.promise).reason).toMatchObject({ code: 'Stopped' });
    expect(lines).toEqual([]);
  });

  test('a body that nobody wants is let by, and the connection kept', async () => {
    const server = await start({ '/hello': hello });
    const socket = connect(server.address.port, '127.0.0.1');
    const body = 'x'.repeat(300_000);
    socket.write(`GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    socket.write('GET /hello?x=2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(await text(socket)).toMatch(/hello [\s\S]*hello 2$/);
  });

  test('close lets what runs end, and then its connection', async () => {
    const gate = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const server = await start({
      '/slow': async (_, response) => {
        started.resolve();
        await gate.promise;
        sendText(response, 200, 'done');
      },
      '/hello': hello,
    });
    using agent = Object.assign(new Agent({ keepAlive: true }), { [Symbol.dispose]: () => agent.destroy() });
    await ask(server, '/hello', { agent }); // leaves an idle connection
    const slow = ask(server, '/slow', { agent: new Agent({ keepAlive: true }) });
    await started.promise;
    let closed = false;
    const closing = server.close().then(() => (closed = true));
    await expect(ask(server, '/hello')).rejects.toThrow('ECONNREFUSED');
    expect(closed).toBe(false);
    gate.resolve();
    expect((await slow).body).toBe('done');
    await closing;
  });

  test('a request that still comes on an open connection is answered, and told that it is the last', async () => {
    const gate = Promise.withResolvers<void>();
    const [started, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const server = await start({
      '/slow': async (_, response) => {
        started.resolve();
        await gate.promise;
        sendText(response, 200, 'slow');
      },
      '/second': (_, response) => {
        second.resolve();
        sendText(response, 200, 'second');
      },
    });
    const socket = connect(server.address.port, '127.0.0.1');
    socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    await started.promise;
    const closing = server.close();
    socket.write('GET /second HTTP/1.1\r\nHost: x\r\n\r\n');
    await second.promise;
    gate.resolve();
    const answers = await text(socket);
    expect(answers).toMatch(/slow[\s\S]*connection: close[\s\S]*second$/);
    await closing;
  });

  test('close ends what does not end when its time is up', async () => {
    const started = Promise.withResolvers<AbortSignal>();
    const server = await start({ '/never': (_request, _response, { signal }) => started.resolve(signal) });
    const sent = request(`${server.url}/never`, { agent: false }).end();
    const failed = once(sent, 'error');
    const signal = await started.promise;
    const limit = new AbortController();
    const closing = server.close(limit.signal);
    expect(signal.aborted).toBe(false);
    limit.abort(new Error('time is up'));
    expect(signal.reason).toBe(limit.signal.reason);
    await closing;
    expect((await failed)[0]).toMatchObject({ code: 'ECONNRESET' });
  });

  test('headers without end are refused', async () => {
    const server = await start({ '/hello': hello });
    const socket = connect(server.address.port, '127.0.0.1');
    socket.write(`GET /hello HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`);
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('an address in use is named', async () => {
    const server = await start({});
    const error = await startHttpServer({ listen: server.address, routes: {}, logger }).catch(
      (thrown: unknown) => thrown,
    );
    const address = `127.0.0.1:${server.address.port}`;
    expect(error).toBeInstanceOf(HttpListenError);
    expect(error).toMatchObject({ code: 'AddressInUse', facts: { address } });
    expect((error as Error).message).toBe(`listen on ${address}: the address is in use by another process`);
  });

  test('an address that is not ours is named', async () => {
    const elsewhere = { host: '192.0.2.1', port: 0 };
    const error = await startHttpServer({ listen: elsewhere, routes: {}, logger }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'AddressUnavailable', facts: { address: '192.0.2.1:0' } });
  });
});
