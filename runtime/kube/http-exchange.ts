import { type Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { KubeError } from './kube-error.ts';

export interface Exchange {
  /** For messages: `GET /api/v1/nodes`. */
  readonly name: string;
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: string | undefined;
  readonly agent: Agent;
  /** Ends the exchange, also after the headers have come: the body then fails. */
  readonly signal: AbortSignal;
}

/** One HTTP request up to its answer's headers. Fails with ConnectionFailed, or with the signal's reason. */
export function openExchange(exchange: Exchange): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    exchange.signal.throwIfAborted();
    const { url, method, headers, agent, signal } = exchange;
    const open = url.protocol === 'http:' ? httpRequest : httpsRequest;
    const request = open(url, { method, headers, agent, signal });
    const sent = sentState(request);
    request.once('response', resolve);
    request.on('error', (error) => reject(failureOf(exchange, error, sent())));
    request.end(exchange.body);
  });
}

/** The whole body as text, at most `limitBytes` of it. */
export async function readBody(exchange: Exchange, response: IncomingMessage, limitBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      sizeBytes += chunk.length;
      if (sizeBytes > limitBytes) throw tooLarge(exchange.name, limitBytes);
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof KubeError ? error : failureOf(exchange, error, true);
  }
  return Buffer.concat(chunks, sizeBytes).toString('utf8');
}

/** What a failing request or body means: our own abort, or a lost connection. */
export function failureOf(exchange: Pick<Exchange, 'name' | 'signal'>, error: unknown, sent: boolean): unknown {
  if (exchange.signal.aborted) return exchange.signal.reason;
  const text = error instanceof Error ? error.message : String(error);
  return new KubeError('ConnectionFailed', `${exchange.name}: ${text}`, { request: exchange.name, sent }, error);
}

function tooLarge(name: string, limitBytes: number): KubeError {
  const message = `${name}: the answer is larger than ${limitBytes} bytes`;
  return new KubeError('ResponseTooLarge', message, { request: name });
}

/** Nothing of a request leaves before its connection stands (with TLS: before the handshake is over). */
function sentState(request: ClientRequest): () => boolean {
  let sent = false;
  request.once('socket', (socket) => {
    const tls = socket as Partial<TLSSocket>;
    if (request.reusedSocket) sent = true;
    else socket.once(tls.encrypted === true ? 'secureConnect' : 'connect', () => (sent = true));
  });
  return () => sent;
}
