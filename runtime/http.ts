import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LinkedAbort, StoppedError } from './cancel.ts';
import { CodedError, messageOf } from './errors.ts';
import { formatListenAddress, type ListenAddress } from './listen-address.ts';
import type { Logger } from './logger.ts';

export { type ListenAddress, parseListenAddress } from './listen-address.ts';

/** `signal` aborts when the client goes away or the server must end. A HEAD runs the same handler; its body is dropped. */
export type HttpHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  context: { readonly url: URL; readonly signal: AbortSignal },
) => void | Promise<void>;

export interface HttpServerOptions {
  readonly listen: ListenAddress;
  /** Exact path to handler, GET and HEAD. Any other path is 404, another method 405. */
  readonly routes: Readonly<Record<string, HttpHandler>>;
  readonly logger: Logger;
}

export interface HttpServer {
  /** As bound: a port of 0 is the real one here. */
  readonly address: ListenAddress;
  /** `http://host:port`, without a slash at the end. */
  readonly url: string;
  /** Stops listening, lets running requests end and closes their connections; at the signal's abort closes the rest. */
  close(signal?: AbortSignal): Promise<void>;
}

export class HttpListenError extends CodedError<HttpListenErrorCode, { address: string }> {}
export type HttpListenErrorCode = 'AddressInUse' | 'AddressUnavailable' | 'PermissionDenied' | 'ListenFailed';

const limits = {
  /** Prometheus and a person with a browser send a few hundred bytes. */
  maxHeaderSize: 16 * 1024,
  /** A client that takes longer to say what it wants is stuck, or means harm. */
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  /** Above the usual scrape interval of 60 s, so that each scrape finds its connection open. */
  keepAliveTimeout: 75_000,
  /** How often the timeouts above are looked at. */
  connectionsCheckingInterval: 2_500,
} as const;
/** Scrapers, probes and people of one process; more is a leak or an attack. */
const maxConnections = 256;

/** Listens, or throws an HttpListenError that names the address. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const closing = new LinkedAbort();
  const state = { draining: false };
  const server = createServer(limits, (request, response) => {
    // A connection that was busy when closing began must not be kept for another request.
    response.once('close', () => state.draining && setImmediate(() => server.closeIdleConnections()));
    if (state.draining) response.setHeader('connection', 'close');
    void handle(options, request, response, closing.signal);
  });
  server.maxConnections = maxConnections;
  await listen(server, options.listen);
  const { address: host, port } = server.address() as AddressInfo;
  server.on('error', (error) => options.logger.error({ err: error }, 'HTTP server'));
  return {
    address: { host, port },
    url: `http://${formatListenAddress({ host, port })}`,
    close: async (signal) => {
      state.draining = true;
      const cut = () => {
        closing.abort(signal?.reason ?? new StoppedError('HTTP server'));
        server.closeAllConnections();
      };
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      if (signal?.aborted) cut();
      signal?.addEventListener('abort', cut, { once: true });
      await closed;
      signal?.removeEventListener('abort', cut);
    },
  };
}

/** A whole answer at once. */
export function sendText(
  response: ServerResponse,
  status: number,
  body: string,
  contentType = 'text/plain; charset=utf-8',
): void {
  const headers = { 'content-type': contentType, 'content-length': Buffer.byteLength(body) };
  response.writeHead(status, headers).end(body);
}

async function handle(
  options: HttpServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  closing: AbortSignal,
): Promise<void> {
  request.resume(); // no route takes a body; requestTimeout bounds how long one may come
  const url = URL.parse(request.url ?? '', 'http://server');
  if (url === null) return sendText(response, 400, 'bad request target\n');
  const handler = Object.hasOwn(options.routes, url.pathname) ? options.routes[url.pathname] : undefined;
  if (handler === undefined) return sendText(response, 404, 'not found\n');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return sendText(response, 405, 'method not allowed\n');
  }
  using gone = new LinkedAbort(closing);
  const onClose = () => gone.abort(new StoppedError('HTTP request'));
  response.once('close', onClose);
  try {
    await handler(request, response, { url, signal: gone.signal });
  } catch (error) {
    if (gone.signal.aborted) return;
    options.logger.error({ err: error, path: url.pathname }, 'HTTP handler failed');
    if (response.headersSent) response.destroy();
    else sendText(response, 500, 'internal error\n');
  } finally {
    response.off('close', onClose);
  }
}

function listen(server: Server, address: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => reject(listenError(address, error));
    server.once('error', onError);
    // Without a host Node takes [::], or 0.0.0.0 where there is no IPv6.
    server.listen(address.port, address.host === '' ? undefined : address.host, () => {
      server.off('error', onError);
      resolve();
    });
  });
}

function listenError(address: ListenAddress, error: NodeJS.ErrnoException): HttpListenError {
  const text = formatListenAddress(address);
  const known: Record<string, readonly [HttpListenErrorCode, string]> = {
    EADDRINUSE: ['AddressInUse', 'the address is in use by another process'],
    EADDRNOTAVAIL: ['AddressUnavailable', 'this machine has no such address'],
    ENOTFOUND: ['AddressUnavailable', 'no such host'],
    EACCES: ['PermissionDenied', 'not permitted (ports below 1024 need CAP_NET_BIND_SERVICE)'],
  };
  const [code, why] = known[error.code ?? ''] ?? (['ListenFailed', messageOf(error)] as const);
  return new HttpListenError(code, `listen on ${text}: ${why}`, { address: text }, error);
}
