import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

/** What goes wrong, for the next requests that match. */
export type Fault =
  /** An answer instead of the real one. */
  | { readonly type: 'answer'; readonly status: number; readonly reason?: string; readonly retryAfterSeconds?: number }
  /** Headers on top of the real answer. */
  | { readonly type: 'headers'; readonly headers: Readonly<Record<string, string>> }
  /** The connection is reset before an answer. */
  | { readonly type: 'reset' }
  /** The request is carried out, and then the connection is reset: the answer never arrives. */
  | { readonly type: 'reset-after' }
  /** No answer, ever. */
  | { readonly type: 'hang' }
  /** This body, as it is. */
  | { readonly type: 'body'; readonly body: string };

export interface SeenRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
}

export type RequestMatch = (request: SeenRequest) => boolean;

/** An open watch, to be broken from this side. */
export interface OpenWatch {
  readonly request: SeenRequest;
  /** RST in the middle of the stream. */
  reset(): void;
  /** Half open: nothing comes any more, and nobody says so. */
  silence(): void;
  /** An orderly end of the stream. */
  end(): void;
  /** Bytes of a test's own, such as half a line. */
  write(text: string): void;
}

export interface FaultyServerOptions {
  readonly key: string;
  readonly cert: string;
  /** The API behind the faults: the fake, or a proxy to the real one. */
  readonly handler: RequestListener;
}

/** A TLS server in front of an API: counts, checks tokens, and fails at named points when told to. */
export class FaultyServer implements AsyncDisposable {
  /** Requests since the start or `forget`, refused ones included. */
  readonly requests: SeenRequest[] = [];
  /** Bearer tokens that are taken; anybody is while it is undefined. */
  tokens: ReadonlySet<string> | undefined;
  /** Most connections that were open at the same time. */
  peakConnections = 0;
  readonly #options: FaultyServerOptions;
  readonly #faults: { readonly match: RequestMatch; readonly fault: Fault; left: number }[] = [];
  readonly #watches = new Set<OpenWatch>();
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;

  constructor(options: FaultyServerOptions) {
    this.#options = options;
  }

  /** Listens; after `kill` on the same port again. */
  async start(): Promise<void> {
    const server = createServer({ key: this.#options.key, cert: this.#options.cert }, (request, response) =>
      this.#handle(request, response),
    );
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      this.peakConnections = Math.max(this.peakConnections, this.#sockets.size);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('tlsClientError', () => {}); // clients that go away in the handshake
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  get watches(): readonly OpenWatch[] {
    return [...this.#watches];
  }

  /** The next `times` requests that match go wrong in this way. Earlier faults come first. */
  inject(fault: Fault, match: RequestMatch = () => true, times = 1): void {
    this.#faults.push({ fault, match, left: times });
  }

  /** The faults that nothing has met yet are taken back. */
  heal(): void {
    this.#faults.length = 0;
  }

  forget(): void {
    this.requests.length = 0;
    this.peakConnections = this.#sockets.size;
  }

  /** Every connection is reset and new ones are refused, as when the process is killed. */
  async kill(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'https://server');
    const seen: SeenRequest = { method: request.method ?? '', url, headers: request.headers };
    this.requests.push(seen);
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
    if (this.tokens !== undefined && !this.tokens.has(token)) {
      request.resume();
      sendStatus(response, { type: 'answer', status: 401, reason: 'Unauthorized' });
      return;
    }
    const fault = this.#nextFault(seen);
    if (fault !== undefined && !this.#goOn(fault, request, response)) return;
    if (url.searchParams.get('watch') !== null) this.#track(seen, response);
    this.#options.handler(request, response);
  }

  #nextFault(seen: SeenRequest): Fault | undefined {
    const index = this.#faults.findIndex(({ match }) => match(seen));
    const found = this.#faults[index];
    if (found === undefined) return undefined;
    found.left -= 1;
    if (found.left === 0) this.#faults.splice(index, 1);
    return found.fault;
  }

  /** Applies the fault; true when the request is to be carried out all the same. */
  #goOn(fault: Fault, request: IncomingMessage, response: ServerResponse): boolean {
    const reset = () => (request.socket as Socket).destroy();
    switch (fault.type) {
      case 'headers':
        for (const [name, value] of Object.entries(fault.headers)) response.setHeader(name, value);
        return true;
      case 'reset-after':
        response.write = () => true;
        response.writeHead = () => response;
        response.flushHeaders = () => {};
        response.end = () => {
          reset();
          return response;
        };
        return true;
      case 'answer':
        request.resume();
        sendStatus(response, fault);
        return false;
      case 'body':
        request.resume();
        response.writeHead(200, { 'content-type': 'application/json' }).end(fault.body);
        return false;
      case 'reset':
        reset();
        return false;
      case 'hang':
        request.resume();
        return false;
    }
  }

  #track(request: SeenRequest, response: ServerResponse): void {
    const write = response.write.bind(response) as (text: string) => boolean;
    const end = response.end.bind(response) as () => void;
    const silence = () => {
      response.write = () => true;
      response.end = () => response;
    };
    const watch: OpenWatch = {
      request,
      reset: () => response.socket?.destroy(),
      silence,
      end: () => {
        silence(); // the API behind does not know, and may go on writing
        end();
      },
      write: (text) => write(text),
    };
    const writeHead = response.writeHead.bind(response) as (status: number, headers: object) => ServerResponse;
    response.writeHead = ((status: number, headers: object) => {
      this.#watches.add(watch); // it is open once its answer has begun
      return writeHead(status, headers);
    }) as ServerResponse['writeHead'];
    response.once('close', () => this.#watches.delete(watch));
  }
}

function sendStatus(response: ServerResponse, fault: Extract<Fault, { type: 'answer' }>): void {
  const { status: code, reason, retryAfterSeconds } = fault;
  const headers = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  response.end(
    JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message: 'injected' }),
  );
}
