import type { IncomingMessage } from 'node:http';
import type { Registry } from 'prom-client';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { KubeConnection } from './connection.ts';

export interface TransportOptions {
  readonly connection: KubeConnection;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  /** `kube-bpf-agent/0.1.0 (linux/x64)`. */
  readonly userAgent: string;
  /** Sockets in all, watches included; a request waits for one within its deadline. Agents have 3. */
  readonly maxConnections: number;
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
  readonly signal?: AbortSignal;
  /** All attempts and waits together; 30 s by default. */
  readonly deadlineMs?: number;
  /** 'never' for callers with a backoff of their own (reflector, leader election). 'safe' by default: see transport.ts. */
  readonly retry?: 'safe' | 'never';
}

/** HTTP to one API server: sockets, TLS, credentials, deadlines, retries, errors. Knows no resources. */
export declare class Transport {
  constructor(options: TransportOptions);
  /** The parsed JSON of a 2xx answer, else a KubeError (or the signal's reason, or a DeadlineError). */
  json<T>(request: TransportRequest): Promise<T>;
  /** The open body of a 2xx answer, for watches: one attempt; the deadline is for the headers; the signal ends it. */
  stream(request: TransportRequest): Promise<IncomingMessage>;
  /** Called with each `Warning:` header of an answer. */
  onWarning: (text: string, request: string) => void;
  /** Sockets that are open now. */
  get connections(): number;
  /** Ends every request and closes every socket. */
  close(): void;
}
