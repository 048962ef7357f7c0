import type { IncomingMessage } from 'node:http';
import type { Clock } from '../clock.ts';
import { KubeError, kubeErrorFromStatus, type StatusBody } from './kube-error.ts';
import type { KubeObject } from './objects.ts';

/** A line of a watch that is data. ERROR is thrown as a KubeError; other types and broken lines as BadResponse. */
export type WatchEvent<T extends KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

export interface WatchStreamOptions {
  /** `GET /api/v1/nodes`, for errors. */
  readonly name: string;
  readonly clock: Clock;
  /** No bytes for this long: nobody is there any more. */
  readonly idleLimitMs: number;
  readonly signal: AbortSignal | undefined;
}

/** etcd takes 1.5 MiB per object and the API server 3 MiB per request; in JSON with an envelope this is ample. */
const maxLineBytes = 16 * 1024 * 1024;
const newline = 0x0a;

/** The events of an open watch, until the server ends it. Leaving the loop closes the stream. */
export async function* readWatch<T extends KubeObject>(
  body: IncomingMessage,
  options: WatchStreamOptions,
): AsyncGenerator<WatchEvent<T>, void, void> {
  const lines = new LineSplitter(options.name);
  const idle = () => body.destroy(lost(options.name, `no bytes for ${options.idleLimitMs / 1000} s`));
  let timer = options.clock.timer(options.idleLimitMs, idle);
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      timer[Symbol.dispose]();
      for (const line of lines.push(chunk)) yield parseEvent<T>(line, options.name);
      timer = options.clock.timer(options.idleLimitMs, idle);
    }
    if (!lines.empty) throw bad(options.name, 'the stream ends within a line');
  } catch (error) {
    if (options.signal?.aborted) throw options.signal.reason;
    throw error instanceof KubeError ? error : lost(options.name, String(error), error);
  } finally {
    timer[Symbol.dispose]();
    await closed(body);
  }
}

class LineSplitter {
  readonly #name: string;
  #rest: Buffer[] = [];
  #restBytes = 0;

  constructor(name: string) {
    this.#name = name;
  }

  get empty(): boolean {
    return this.#restBytes === 0;
  }

  /** The lines that this chunk completes. */
  *push(chunk: Buffer): Generator<string> {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      yield this.#take(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start === chunk.length) return;
    this.#rest.push(chunk.subarray(start));
    this.#restBytes += chunk.length - start;
    if (this.#restBytes > maxLineBytes) throw bad(this.#name, `a line is longer than ${maxLineBytes} bytes`);
  }

  #take(tail: Buffer): string {
    const line = this.#rest.length === 0 ? tail : Buffer.concat([...this.#rest, tail]);
    this.#rest = [];
    this.#restBytes = 0;
    return line.toString('utf8');
  }
}

function parseEvent<T extends KubeObject>(line: string, name: string): WatchEvent<T> {
  let event: { type?: unknown; object?: unknown };
  try {
    event = JSON.parse(line) as typeof event;
  } catch (error) {
    throw bad(name, 'a line of the stream is not JSON', error);
  }
  if (event === null || typeof event.object !== 'object' || event.object === null) {
    throw bad(name, 'a line of the stream is no event');
  }
  if (event.type === 'ERROR') throw kubeErrorFromStatus(name, 500, event.object as StatusBody);
  const object = event.object as T;
  const { resourceVersion } = object.metadata ?? {};
  if (typeof resourceVersion !== 'string') throw bad(name, 'an event has no resourceVersion');
  switch (event.type) {
    case 'BOOKMARK':
      return { type: 'BOOKMARK', resourceVersion };
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type: event.type, object };
    default:
      throw bad(name, `unknown event type ${JSON.stringify(event.type)}`);
  }
}

function bad(request: string, what: string, cause?: unknown): KubeError {
  return new KubeError('BadResponse', `watch ${request}: ${what}`, { request }, cause);
}

function lost(request: string, what: string, cause?: unknown): KubeError {
  return new KubeError('ConnectionFailed', `watch ${request}: ${what}`, { request, sent: true }, cause);
}

/** Destroys the stream and waits until it is gone, so that whoever stops a watch knows that nothing is open. */
function closed(body: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    if (body.closed) return resolve();
    body.once('close', resolve);
    body.on('error', () => {}); // said already, or our own destroy
    body.destroy();
  });
}
