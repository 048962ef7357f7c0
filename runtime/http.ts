import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CodedError } from './errors.ts';
import type { Logger } from './logger.ts';

export interface ListenAddress {
  readonly host: string;
  /** 0: the kernel chooses. */
  readonly port: number;
}

/** `0.0.0.0:9387`, `[::1]:9387`, `localhost:0`, `:9387` (all addresses). Undefined when it is none of these. */
export declare function parseListenAddress(text: string): ListenAddress | undefined;

/** `signal` aborts when the client goes away or the server closes. A HEAD runs the same handler; its body is dropped. */
export type HttpHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  context: { readonly url: URL; readonly signal: AbortSignal },
) => void | Promise<void>;

export interface HttpServerOptions {
  readonly listen: ListenAddress;
  /** Exact path to handler, GET and HEAD. Anything else is 404, another method 405. */
  readonly routes: Readonly<Record<string, HttpHandler>>;
  readonly logger: Logger;
}

export interface HttpServer {
  /** As bound: a port of 0 is the real one here. */
  readonly address: ListenAddress;
  /** `http://host:port`, without a slash at the end. */
  readonly url: string;
  /** Stops listening, lets running requests end, closes idle connections; at the signal's abort closes the rest. */
  close(signal?: AbortSignal): Promise<void>;
}

export type HttpListenError = CodedError<
  'AddressInUse' | 'AddressUnavailable' | 'PermissionDenied' | 'ListenFailed',
  { address: string }
>;

/** Listens, or throws an HttpListenError that names the address. */
export declare function startHttpServer(options: HttpServerOptions): Promise<HttpServer>;

/** A whole answer at once. */
export declare function sendText(response: ServerResponse, status: number, body: string, contentType?: string): void;
