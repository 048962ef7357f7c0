import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StoppedError } from './cancel.ts';
import { CodedError, messageOf } from './errors.ts';
import { formatListenAddress, type ListenAddress } from './listen-address.ts';
import type { Logger } from './logger.ts';

export { type ListenAddress, parseListenAddress } from './listen-address.ts';

/** A HEAD runs the same handler; its body is dropped. */
export type HttpHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  context: HttpContext,
) => void | Promise<void>;

export interface HttpContext {
  readonly query: URLSearchParams;
  /** Aborts when the client goes away before it has its answer, or the server must end. */
  readonly signal: AbortSignal;
}

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
  const running = new Set<RequestContext>();
  let draining = false;
  const server = createServer(limits, (request, response) => {
    const context = new RequestContext(request.url ?? '');
    running.add(context);
    response.once('close', () => {
      running.delete(context);
      // A response closes in any case: who has it whole did not go away.
      if (!response.writableFinished) context.abort(new StoppedError('HTTP request'));
      // A connection that was busy when closing began must not be kept for another request.
      if (draining) setImmediate(() => server.closeIdleConnections());
    });
    if (draining) response.setHeader('connection', 'close');
    void handle(options, request, response, context);
  });
  server.maxConnections = maxConnections;
  await listen(server, options.listen);
  const { address: host, port } = server.address() as AddressInfo;
  server.on('error', (error) => options.logger.error({ err: error }, 'HTTP server'));
  return {
    address: { host, port },
    url: `http://${formatListenAddress({ host, port })}`,
    close: async (signal) => {
      draining = true;
      const cut = () => {
        const reason = signal?.reason ?? new StoppedError('HTTP server');
        for (const context of running) context.abort(reason);
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
  { routes, logger }: HttpServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  context: RequestContext,
): Promise<void> {
  // No route takes a body; requestTimeout bounds how long one may come.
  if (mayHaveBody(request)) request.resume();
  const { path } = context;
  const handler = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (handler === undefined) return sendText(response, 404, 'not found\n');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return sendText(response, 405, 'method not allowed\n');
  }
  try {
    await handler(request, response, context);
  } catch (error) {
    if (context.signal.aborted) return;
    logger.error({ err: error, path }, 'HTTP handler failed');
    if (response.headersSent) response.destroy();
    else sendText(response, 500, 'internal error\n');
  }
}

/** Without either there is none (RFC 9112, 6.3), and nothing to be thrown away. */
function mayHaveBody({ headers }: IncomingMessage): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

/** Most requests are answered before anybody asks for their signal: it is made when somebody does. */
class RequestContext implements HttpContext {
  readonly path: string;
  readonly query: URLSearchParams;
  #controller: AbortController | undefined;
  #aborted: { readonly reason: unknown } | undefined;

  constructor(target: string) {
    const at = target.indexOf('?');
    this.path = pathOf(at < 0 ? target : target.slice(0, at));
    this.query = new URLSearchParams(at < 0 ? '' : target.slice(at + 1));
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason);
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#aborted ??= { reason };
    this.#controller?.abort(reason);
  }
}

/** A server takes a whole URL, too (RFC 9112, 3.2.2). What is none has no path, and no route. */
function pathOf(target: string): string {
  return target.startsWith('/') ? target : (URL.parse(target)?.pathname ?? '');
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
