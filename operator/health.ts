import type { Registry } from 'prom-client';
import { type HttpHandler, sendText } from '../runtime/http.ts';

export interface Health {
  /** Another process leads, and this one waits for its Lease. */
  readonly standby: () => boolean;
  /** All that is watched has been read. */
  readonly synced: () => boolean;
}

/** What the operator serves. Whether the API server answers is no part of it: restarting would not help. */
export const routesOf = (registry: Registry, { standby, synced }: Health): Readonly<Record<string, HttpHandler>> => ({
  '/metrics': async (_request, response) => sendText(response, 200, await registry.metrics(), registry.contentType),
  '/healthz': (_request, response) => sendText(response, 200, 'ok\n'),
  '/readyz': (_request, response) => {
    if (standby()) sendText(response, 200, 'ok: another one leads\n');
    else if (synced()) sendText(response, 200, 'ok\n');
    else sendText(response, 503, 'not all that is watched has been read yet\n');
  },
});
