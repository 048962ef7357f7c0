import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import type { Clock } from '../../runtime/clock.ts';
import { type HttpHandler, sendText } from '../../runtime/http.ts';
import type { Exporter, RenderOptions } from './exposition.ts';
import type { Rendering } from './rendering.ts';
import { type RefusalReason, ScrapeRefused } from './scrape-refused.ts';
import type { Caller } from './sharing.ts';

/** Prometheus 3 refuses a target that does not say so. */
const contentType = 'text/plain; version=0.0.4; charset=utf-8';
const headers = { 'content-type': contentType, vary: 'accept-encoding' };
const defaultBudgetMs = 10_000;
/** Whatever a client says it would wait for. */
const maxBudgetMs = 60_000;
/** Of the time that Prometheus waits, the rest is for sending. */
const budgetShare = 0.9;
/** Each holds the pages of its text until the client has taken them; clients that do not must not add up. */
const maxScrapes = 16;
/** So that one client, however stuck, leaves places for others. */
const maxScrapesOfAddress = 8;
/** And memory: an address whose answers under way are larger than that together gets no further one until some are taken. */
const maxUntakenBytesOfAddress = 96 << 20;
/** Written at once; and a client that takes no more than that between two looks is stuck. */
const burstBytes = 256 << 10;
/** Between two looks at whether a client takes its answer. */
export const stuckLimitMs = 10_000;
/** One that has not taken its answer by then is too slow, though it takes some; its place is another's. */
export const sendLimitMs = 6 * stuckLimitMs;

export interface ScrapeServing {
  readonly clock: Pick<Clock, 'timer'>;
  /** Once aborted, maps are being closed: what was rendered may lack some. */
  readonly stopping: AbortSignal;
  readonly onRefused: (reason: RefusalReason) => void;
}

/**
 * `GET /metrics`: everything; `?bpf=namespace/name` one BPF's series; `?own=only` the agent's own. Rejects when the
 * client goes away, or does not take the answer (`stuckLimitMs`, `sendLimitMs`).
 */
export function metricsHandler(exporter: Exporter, { clock, stopping, onRefused }: ScrapeServing): HttpHandler {
  const places = { maps: new Places(), own: new Places() };
  return async (request, response, context) => {
    const wanted = wantedOf(context.query);
    if (wanted === undefined) return sendText(response, 400, 'give bpf=namespace/name once, or own=only, or neither\n');
    const kind = wanted.own === undefined ? 'maps' : 'own';
    const checkStopping = (): void => {
      if (kind === 'maps' && stopping.aborted) throw new ScrapeRefused('stopping');
    };
    try {
      checkStopping();
      if (wanted.ref !== undefined && !exporter.has(wanted.ref))
        return sendText(response, 404, `no BPF ${wanted.ref}\n`);
      if (request.method === 'HEAD') {
        response.writeHead(200, headers).end();
        return;
      }
      using place = places[kind].take(request.socket.remoteAddress ?? '');
      using rendering = await exporter.render(context, { ...wanted, budgetMs: budgetOf(request) });
      checkStopping();
      place.hold(rendering.sizeBytes);
      await send(response, rendering, takesGzip(request), clock, context);
    } catch (thrown) {
      if (!(thrown instanceof ScrapeRefused)) throw thrown;
      onRefused(thrown.facts.reason);
      sendText(response, 503, `${thrown.message}\n`);
    }
  };
}

interface Place extends Disposable {
  /** Its answer has that size. */
  hold(sizeBytes: number): void;
}

/** Scrapes under way. */
class Places {
  readonly #byAddress = new Map<string, { count: number; sizeBytes: number }>();
  #taken = 0;

  /** Throws ScrapeRefused. Dispose of it when the scrape has ended. */
  take(address: string): Place {
    const of = this.#byAddress.get(address) ?? { count: 0, sizeBytes: 0 };
    if (this.#taken >= maxScrapes || of.count >= maxScrapesOfAddress) throw new ScrapeRefused('places');
    if (of.sizeBytes > maxUntakenBytesOfAddress) throw new ScrapeRefused('memory');
    let held = 0;
    this.#byAddress.set(address, of);
    this.#taken++;
    of.count++;
    return {
      hold: (sizeBytes) => {
        held = sizeBytes;
        of.sizeBytes += sizeBytes;
      },
      [Symbol.dispose]: () => {
        this.#taken--;
        of.count--;
        of.sizeBytes -= held;
        if (of.count === 0) this.#byAddress.delete(address);
      },
    };
  }
}

/** The part of the exposition that the query asks for; undefined where it asks for what is not there to be asked. */
function wantedOf(query: URLSearchParams): Omit<RenderOptions, 'budgetMs'> | undefined {
  const refs = query.getAll('bpf');
  const own = query.get('own');
  const [ref] = refs;
  if (own !== null) return own === 'only' && ref === undefined ? { own } : undefined;
  if (ref === undefined) return {};
  return refs.length === 1 && /^[^/]+\/[^/]+$/.test(ref) ? { ref } : undefined;
}

function budgetOf({ headers }: IncomingMessage): number {
  const seconds = Number(headers['x-prometheus-scrape-timeout-seconds']);
  if (!(seconds > 0)) return defaultBudgetMs;
  return Math.min(seconds * 1000 * budgetShare, maxBudgetMs);
}

/** Whether `Accept-Encoding` names gzip (or anything) and does not weigh it with zero (RFC 9110, 12.5.3). */
function takesGzip(request: IncomingMessage): boolean {
  const accepted = request.headers['accept-encoding'];
  if (accepted === undefined) return false;
  const weights = new Map<string, number>();
  for (const part of accepted.toString().split(',')) {
    const [coding = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    weights.set(coding, weight === undefined ? 1 : Number(weight.slice(2)));
  }
  return (weights.get('gzip') ?? weights.get('*') ?? 0) > 0;
}

/** Ends once the client has all bytes or is gone, so that the pages may be written anew. */
async function send(
  response: ServerResponse,
  { chunks, sizeBytes }: Rendering,
  gzip: boolean,
  clock: Pick<Clock, 'timer'>,
  caller: Caller,
): Promise<void> {
  if (gzip) {
    using _watch = cutWhenStuck(response, clock);
    response.writeHead(200, { ...headers, 'content-encoding': 'gzip' });
    // Speed before size: a scrape comes every few seconds, on every node.
    return await pipeline(Readable.from(chunks), createGzip({ level: constants.Z_BEST_SPEED }), response);
  }
  response.writeHead(200, { ...headers, 'content-length': sizeBytes });
  if (sizeBytes > burstBytes) {
    using _watch = cutWhenStuck(response, clock);
    await writeInBursts(response, chunks, caller.signal);
    return await finished(response.end());
  }
  for (const chunk of chunks) response.write(chunk);
  response.end();
  // In one write, head and all. What is small the kernel takes whole, unless the client is slow: nothing to wait for.
  if (response.writableLength === 0) return;
  using _watch = cutWhenStuck(response, clock);
  await finished(response);
}

/** What is written before anything is waited for goes out in one write, and only the whole of it is seen as taken. */
async function writeInBursts(response: ServerResponse, chunks: readonly Buffer[], signal: AbortSignal): Promise<void> {
  let burst = 0;
  for (const chunk of chunks) {
    response.write(chunk);
    burst += chunk.length;
    if (burst < burstBytes) continue;
    burst = 0;
    if (response.writableNeedDrain) await once(response, 'drain', { signal });
  }
}

/** Destroys the response where nothing of it was taken between two looks, or not all of it within `sendLimitMs`. */
function cutWhenStuck(response: ServerResponse, clock: Pick<Clock, 'timer'>): Disposable {
  let before = takenBytes(response);
  let leftMs = sendLimitMs;
  const look = (): void => {
    leftMs -= stuckLimitMs;
    const taken = takenBytes(response);
    // Where nothing waits to be taken, it is us who are slow.
    if (leftMs <= 0 || (taken === before && response.writableLength > 0)) {
      response.destroy();
      return;
    }
    before = taken;
    timer = clock.timer(stuckLimitMs, look);
  };
  let timer = clock.timer(stuckLimitMs, look);
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}

/** Of all that went through this connection, in whole writes. */
const takenBytes = ({ socket }: ServerResponse): number =>
  socket === null ? 0 : socket.bytesWritten - socket.writableLength;
