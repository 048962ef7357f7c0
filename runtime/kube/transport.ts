import type { IncomingMessage } from 'node:http';
import type { Registry } from 'prom-client';
import { Backoff } from '../backoff.ts';
import { abortable, Deadline, LinkedAbort, StoppedError } from '../cancel.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { KubeConnection, KubeCredentials } from './connection.ts';
import { type Exchange, failureOf, openExchange, readBody } from './http-exchange.ts';
import { isKubeError, KubeError, kubeErrorFromStatus, statusBodyOf } from './kube-error.ts';
import { SocketPool } from './socket-pool.ts';
import { TransportMetrics } from './transport-metrics.ts';
import { warningsOf } from './warnings.ts';

export interface TransportOptions {
  readonly connection: KubeConnection;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  /** `kube-bpf-agent/0.1.0 (linux/x64)`. */
  readonly userAgent: string;
  /** Sockets in all, watches included; a request waits for one within its deadline. Agents have 3. */
  readonly maxConnections: number;
  /** Called with the text of each `Warning:` header; logged by default. Counted either way. */
  readonly onWarning?: (text: string, request: string) => void;
  /** Largest answer, in bytes; 64 MiB by default. */
  readonly maxResponseBytes?: number;
  readonly random?: () => number;
}

export interface TransportRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With query. */
  readonly path: string;
  readonly body?: unknown;
  /** Of the body; application/json by default. */
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
  /** All attempts and waits together; 30 s by default. */
  readonly deadlineMs?: number | undefined;
  /**
   * 'safe' (default): again after a refusal (429, 503 with Retry-After) or when nothing was sent; after other failures of
   * the server or the connection only what can be repeated without harm, so not a POST. 'never': for callers with a
   * backoff of their own.
   */
  readonly retry?: 'safe' | 'never' | undefined;
}

/** A call that was not told otherwise. kube-apiserver gives up on one after 60 s. */
const defaultDeadlineMs = 30_000;
/** Nothing we read is near this: 500 Nodes are about 10 MiB. */
const defaultMaxResponseBytes = 64 * 1024 * 1024;
/** A Status object; more is a proxy's page. */
const maxErrorBodyBytes = 64 * 1024;
/** Attempts of one call, whatever its deadline would allow. */
const maxAttempts = 6;
const retryBackoff = { minMs: 500, maxMs: 60_000 };

/** HTTP to one API server: sockets, TLS, credentials, deadlines, retries, errors. Knows no resources. */
export class Transport {
  readonly clock: Clock;
  readonly #options: TransportOptions;
  readonly #pool: SocketPool;
  readonly #metrics: TransportMetrics;
  readonly #closing = new LinkedAbort();

  constructor(options: TransportOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.#pool = new SocketPool(options.connection, options.maxConnections);
    this.#metrics = new TransportMetrics(options.registry, () => this.connections);
  }

  /** The parsed JSON of a 2xx answer, else a KubeError (or the signal's reason, or a DeadlineError). */
  async json<T>(request: TransportRequest): Promise<T> {
    const name = nameOf(request);
    const limitMs = request.deadlineMs ?? defaultDeadlineMs;
    using deadline = new Deadline(this.clock, name, limitMs, request.signal, this.#closing.signal);
    const endsAtMs = this.clock.monotonic() + limitMs;
    const backoff = new Backoff(retryBackoff, this.#options.random);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt<T>(request, name, deadline.signal);
      } catch (error) {
        const delayMs = attempt < maxAttempts ? retryDelayMs(request, error, backoff) : undefined;
        // A wait that the deadline would cut short is not worth starting: the error in hand says more.
        if (delayMs === undefined || this.clock.monotonic() + delayMs >= endsAtMs) throw error;
        this.#metrics.retries.inc();
        await this.clock.sleep(delayMs, deadline.signal);
      }
    }
  }

  /** The open body of a 2xx answer, for watches: one attempt; the deadline is for the headers; the signal ends it. */
  async stream(request: TransportRequest): Promise<IncomingMessage> {
    const name = nameOf(request);
    const lifetime = new LinkedAbort(request.signal, this.#closing.signal);
    const limitMs = request.deadlineMs ?? defaultDeadlineMs;
    const timer = new Deadline(this.clock, name, limitMs);
    timer.signal.addEventListener('abort', () => lifetime.abort(timer.signal.reason), { once: true });
    try {
      const { response } = await this.#exchange(request, name, lifetime.signal);
      response.once('close', () => lifetime[Symbol.dispose]());
      return response;
    } catch (error) {
      lifetime[Symbol.dispose]();
      throw error;
    } finally {
      timer[Symbol.dispose]();
    }
  }

  /** Sockets that are open now. */
  get connections(): number {
    return this.#pool.size;
  }

  /** Ends every request and closes every socket. Nothing can be asked afterwards. */
  close(): void {
    this.#closing.abort(new StoppedError('API server connection'));
    this.#pool.close();
  }

  async #attempt<T>(request: TransportRequest, name: string, signal: AbortSignal): Promise<T> {
    const startMs = this.clock.monotonic();
    const { response, exchange } = await this.#exchange(request, name, signal);
    const text = await readBody(exchange, response, this.#options.maxResponseBytes ?? defaultMaxResponseBytes);
    this.#metrics.duration.observe({ method: request.method }, (this.clock.monotonic() - startMs) / 1000);
    try {
      return JSON.parse(text) as T;
    } catch (error) {
      throw new KubeError('BadResponse', `${name}: the answer is not JSON`, { request: name }, error);
    }
  }

  /** One request, and once more after a 401 when other credentials are to be had. Returns a 2xx answer or throws. */
  async #exchange(request: TransportRequest, name: string, signal: AbortSignal): Promise<Opened> {
    const { connection } = this.#options;
    const credentials = await abortable(connection.credentials({ renew: false }), signal);
    try {
      return await this.#send(request, name, credentials, signal);
    } catch (error) {
      if (!isKubeError(error, 'Unauthorized')) throw error;
      const renewed = await abortable(connection.credentials({ renew: true }), signal);
      if (sameCredentials(credentials, renewed)) throw error;
      return await this.#send(request, name, renewed, signal);
    }
  }

  async #send(
    request: TransportRequest,
    name: string,
    credentials: KubeCredentials,
    signal: AbortSignal,
  ): Promise<Opened> {
    signal.throwIfAborted();
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const exchange: Exchange = {
      name,
      url: new URL(this.#options.connection.server + request.path),
      method: request.method,
      headers: this.#headers(request, credentials, body),
      body,
      agent: this.#pool.agentFor(credentials),
      signal,
    };
    let response: IncomingMessage;
    try {
      response = await openExchange(exchange);
    } catch (error) {
      this.#metrics.requests.inc({ method: request.method, code: '<error>' });
      throw error;
    }
    const status = response.statusCode ?? 0;
    this.#metrics.requests.inc({ method: request.method, code: String(status) });
    this.#passWarnings(response, name);
    if (status >= 200 && status < 300) return { response, exchange };
    throw await errorOf(exchange, response, status);
  }

  #headers(request: TransportRequest, credentials: KubeCredentials, body: string | undefined): Exchange['headers'] {
    return {
      'user-agent': this.#options.userAgent,
      accept: request.accept ?? 'application/json',
      'accept-encoding': 'identity', // gzip costs the server 27 ms of CPU for a 1 MiB read
      ...(credentials.token === undefined ? {} : { authorization: `Bearer ${credentials.token}` }),
      ...(body === undefined
        ? {}
        : { 'content-type': request.contentType ?? 'application/json', 'content-length': Buffer.byteLength(body) }),
    };
  }

  #passWarnings(response: IncomingMessage, name: string): void {
    for (const text of warningsOf(response.headersDistinct['warning'])) {
      this.#metrics.warnings.inc();
      if (this.#options.onWarning !== undefined) this.#options.onWarning(text, name);
      else this.#options.logger.warn({ request: name, warning: text }, 'warning from the API server');
    }
  }
}

interface Opened {
  readonly response: IncomingMessage;
  readonly exchange: Exchange;
}

function nameOf(request: TransportRequest): string {
  const query = request.path.indexOf('?');
  return `${request.method} ${query < 0 ? request.path : request.path.slice(0, query)}`;
}

async function errorOf(exchange: Exchange, response: IncomingMessage, status: number): Promise<unknown> {
  try {
    const text = await readBody(exchange, response, maxErrorBodyBytes);
    return kubeErrorFromStatus(exchange.name, status, statusBodyOf(text), response.headers);
  } catch (error) {
    if (exchange.signal.aborted) return failureOf(exchange, error, true);
    // The status has come and says what happened, also without its body.
    return kubeErrorFromStatus(exchange.name, status, {}, response.headers);
  }
}

function sameCredentials(a: KubeCredentials, b: KubeCredentials): boolean {
  return a.token === b.token && a.ca === b.ca && a.clientCert === b.clientCert && a.clientKey === b.clientKey;
}

/** How long to wait before the same request again; undefined when it must not, or need not, be sent again. */
function retryDelayMs(request: TransportRequest, error: unknown, backoff: Backoff): number | undefined {
  if (request.retry === 'never' || !isKubeError(error)) return undefined;
  const repeatable = request.method !== 'POST';
  const { retryAfterMs, sent } = error.facts;
  switch (error.code) {
    case 'TooManyRequests':
      // Refused before anything was done (priority and fairness, or a server that is shutting down).
      return retryAfterMs ?? backoff.nextMs();
    case 'Unavailable':
      if (retryAfterMs !== undefined) return retryAfterMs;
      return repeatable ? backoff.nextMs() : undefined;
    case 'ServerError':
      return repeatable ? (retryAfterMs ?? backoff.nextMs()) : undefined;
    case 'ConnectionFailed':
      return repeatable || sent === false ? backoff.nextMs() : undefined;
    default:
      return undefined;
  }
}
