import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import type { Clock } from '../../runtime/clock.ts';
import { type HttpHandler, sendText } from '../../runtime/http.ts';
import type { Exporter, RenderOptions } from './exposition.ts';
import type { Rendering } from './rendering.ts';

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
/** One that has not taken its answer by then is stuck, or gone without a word; its place is another's. */
export const sendLimitMs = 60_000;

/**
 * `GET /metrics`: everything; `?bpf=namespace/name` one BPF's series; `?own=only` the agent's own. Rejects when the
 * client goes away, or has not taken the answer within `sendLimitMs`.
 */
export function metricsHandler(exporter: Exporter, clock: Pick<Clock, 'timer'>): HttpHandler {
  let scrapes = 0;
  return async (request, response, context) => {
    const wanted = wantedOf(context.query);
    if (wanted === undefined) return sendText(response, 400, 'give bpf=namespace/name once, or own=only, or neither\n');
    if (wanted.ref !== undefined && !exporter.has(wanted.ref)) return sendText(response, 404, `no BPF ${wanted.ref}\n`);
    if (request.method === 'HEAD') {
      response.writeHead(200, headers).end();
      return;
    }
    if (scrapes >= maxScrapes) return sendText(response, 503, `${maxScrapes} scrapes are under way\n`);
    scrapes++;
    try {
      using rendering = await exporter.render(context, { ...wanted, budgetMs: budgetOf(request) });
      await send(response, rendering, takesGzip(request), clock);
    } finally {
      scrapes--;
    }
  };
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
): Promise<void> {
  if (!gzip) {
    response.writeHead(200, { ...headers, 'content-length': sizeBytes });
    for (const chunk of chunks) response.write(chunk);
    response.end();
    // In one write, head and all. What is small the kernel takes whole, unless the client is slow: nothing to wait for.
    if (response.writableLength === 0) return;
  }
  using _late = clock.timer(sendLimitMs, () => response.destroy());
  if (!gzip) return await finished(response);
  response.writeHead(200, { ...headers, 'content-encoding': 'gzip' });
  // Speed before size: a scrape comes every few seconds, on every node.
  await pipeline(Readable.from(chunks), createGzip({ level: constants.Z_BEST_SPEED }), response);
}
