import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { KubeObject } from '../../../runtime/kube/objects.ts';
import { ClusterState, type StateEvent } from './cluster-state.ts';
import { isRecord, type Json } from './patch.ts';
import { type Match, matcherOf } from './selectors.ts';
import { StatusReply } from './status-reply.ts';
import { type Target, Writes } from './writes.ts';

/** Kinds that this API serves: what a real one would learn from its code and from CRDs. */
export interface FakeKind {
  /** '' is the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly hasStatus: boolean;
}

export const builtInKinds: readonly FakeKind[] = [
  { group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', hasStatus: false },
  { group: '', version: 'v1', plural: 'nodes', kind: 'Node', hasStatus: true },
  { group: '', version: 'v1', plural: 'pods', kind: 'Pod', hasStatus: true },
  { group: 'apps', version: 'v1', plural: 'daemonsets', kind: 'DaemonSet', hasStatus: true },
  { group: 'coordination.k8s.io', version: 'v1', plural: 'leases', kind: 'Lease', hasStatus: false },
  { group: 'events.k8s.io', version: 'v1', plural: 'events', kind: 'Event', hasStatus: false },
];

const pathPattern =
  /^\/(?:api|apis\/(?<group>[^/]+))\/(?<version>v\w+)(?:\/namespaces\/(?<namespace>[^/]+))?\/(?<plural>[^/]+)(?:\/(?<name>[^/]+))?(?:\/(?<subresource>[^/]+))?$/;

/** An API server without a socket: `handle` is a request listener. Keeps its state for as long as it lives. */
export class FakeApi {
  readonly state = new ClusterState();
  readonly #writes = new Writes(this.state);
  readonly #kinds = new Map<string, FakeKind>();
  /** Continue tokens and what is left to list under each. */
  readonly #pages = new Map<string, { readonly version: number; readonly items: readonly KubeObject[] }>();
  readonly #bookmarks = new Set<() => void>();

  constructor(kinds: readonly FakeKind[] = []) {
    for (const kind of [...builtInKinds, ...kinds])
      this.#kinds.set(`${kind.group}/${kind.version}/${kind.plural}`, kind);
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    this.#serve(request, response).catch((error: unknown) => {
      if (!(error instanceof StatusReply)) throw error;
      sendJson(response, error.status, error.body());
    });
  };

  /** Every continue token given out so far is refused from now on. */
  expireContinueTokens(): void {
    this.#pages.clear();
  }

  /** Each open watch gets a bookmark, as a real one does about once a minute. */
  sendBookmarks(): void {
    for (const send of this.#bookmarks) send();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'https://server');
    const call = this.#callOf(url, request.headers.accept ?? '');
    if (request.method === 'GET' && url.searchParams.get('watch') !== null) return this.#watch(call, url, response);
    if (request.method === 'GET' && call.name === undefined && call.partial === 'object') {
      throw new StatusReply(406, 'NotAcceptable', 'a list is asked for as PartialObjectMetadataList');
    }
    if (request.method === 'GET' && call.name === undefined) return sendJson(response, 200, this.#list(call, url));
    if (request.method === 'GET') return sendJson(response, 200, call.view(this.#get(call)));
    const body = (await bodyOf(request)) as Json;
    if (request.method === 'POST') {
      const name = (body['metadata'] as { name?: string } | undefined)?.name ?? '';
      return sendJson(response, 201, this.#writes.create({ ...call, name }, body as unknown as KubeObject));
    }
    sendJson(response, 200, this.#change(request, url, { ...call, name: call.name ?? '' }, body));
  }

  #change(request: IncomingMessage, url: URL, target: Target, body: Json): KubeObject {
    if (request.method === 'DELETE') return this.#writes.delete(target, body);
    if (request.method === 'PUT') return this.#writes.update(target, body as unknown as KubeObject);
    switch (request.headers['content-type']) {
      case 'application/merge-patch+json':
        return this.#writes.mergePatch(target, body);
      case 'application/apply-patch+yaml': {
        const manager = url.searchParams.get('fieldManager') ?? '';
        return this.#writes.apply(target, body, manager, url.searchParams.get('force') === 'true');
      }
      default:
        throw new StatusReply(415, 'UnsupportedMediaType', 'unknown patch type');
    }
  }

  #get(call: Call): KubeObject {
    const key = call.namespace === undefined ? (call.name ?? '') : `${call.namespace}/${call.name}`;
    const object = this.state.get(call.collection, key);
    if (object === undefined) throw new StatusReply(404, 'NotFound', `"${call.name}" not found`);
    return object;
  }

  #list(call: Call, url: URL): object {
    const version = Number(url.searchParams.get('resourceVersion') ?? '0');
    if (version > this.state.version) {
      const causes = [{ reason: 'ResourceVersionTooLarge' }];
      throw new StatusReply(504, 'Timeout', 'Too large resource version', causes);
    }
    const limit = Number(url.searchParams.get('limit') ?? '0') || Number.POSITIVE_INFINITY;
    const page = this.#pageOf(call, url);
    const items = page.items.slice(0, limit).map(call.view);
    const rest = page.items.slice(limit);
    const token = rest.length === 0 ? undefined : `${page.version}-${rest[0]?.metadata.name}-${rest.length}`;
    if (token !== undefined) this.#pages.set(token, { version: page.version, items: rest });
    const metadata = { resourceVersion: String(page.version), ...(token === undefined ? {} : { continue: token }) };
    return { kind: call.listKind, apiVersion: call.apiVersion, metadata, items };
  }

  #pageOf(call: Call, url: URL): { readonly version: number; readonly items: readonly KubeObject[] } {
    const token = url.searchParams.get('continue');
    if (token === null) {
      const match = matcherOf(url.searchParams, call.namespace);
      return { version: this.state.version, items: this.state.list(call.collection).filter(match) };
    }
    const page = this.#pages.get(token);
    if (page === undefined) throw new StatusReply(410, 'Expired', 'The provided continue parameter is too old');
    return page;
  }

  #watch(call: Call, url: URL, response: ServerResponse): void {
    const from = Number(url.searchParams.get('resourceVersion') ?? '0');
    const match = matcherOf(url.searchParams, call.namespace);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const send = (type: string, object: object) => response.write(`${JSON.stringify({ type, object })}\n`);
    if (from < this.state.compactedVersion) {
      // The watch cache's error comes in the stream (k8s.io/apiserver pkg/storage/cacher, newErrWatcher).
      send('ERROR', new StatusReply(410, 'Expired', `too old resource version: ${from}`).body());
      response.end();
      return;
    }
    const bookmark = () => {
      const metadata = { resourceVersion: String(this.state.version), creationTimestamp: null };
      send('BOOKMARK', { kind: call.kind.kind, apiVersion: call.apiVersion, metadata });
    };
    this.#bookmarks.add(bookmark);
    const subscription = this.state.watch(from, (event) => {
      const seen = event.collection === call.collection ? asSeen(event, match) : undefined;
      if (seen !== undefined) send(seen.type, call.view(seen.object));
    });
    response.once('close', () => {
      subscription[Symbol.dispose]();
      this.#bookmarks.delete(bookmark);
    });
  }

  #callOf(url: URL, accept: string): Call {
    const groups = pathPattern.exec(url.pathname)?.groups ?? {};
    const { group = '', version = '', namespace, plural = '', name, subresource } = groups;
    const kind = this.#kinds.get(`${group}/${version}/${plural}`);
    if (kind === undefined) throw new StatusReply(404, 'NotFound', 'the server could not find the requested resource');
    const apiVersion = group === '' ? version : `${group}/${version}`;
    const form = /as=PartialObjectMetadata(List)?;/.exec(accept);
    const partial = form !== null;
    const fixed = {
      kind: partial ? 'PartialObjectMetadata' : kind.kind,
      apiVersion: partial ? 'meta.k8s.io/v1' : apiVersion,
    };
    return {
      kind,
      collection: `${group}/${plural}`,
      namespace,
      name: name === undefined ? undefined : decodeURIComponent(name),
      subresource,
      hasStatus: kind.hasStatus,
      partial: form === null ? 'no' : form[1] === undefined ? 'object' : 'list',
      apiVersion: fixed.apiVersion,
      listKind: `${fixed.kind}List`,
      view: (object) => (partial ? { ...fixed, metadata: object.metadata } : { ...object, ...fixed }),
    };
  }
}

interface Call extends Omit<Target, 'name'> {
  /** Whether metadata alone is wanted, and in which form. */
  readonly partial: 'no' | 'object' | 'list';
  readonly kind: FakeKind;
  readonly name: string | undefined;
  readonly apiVersion: string;
  readonly listKind: string;
  /** What of an object the client wants. */
  readonly view: (object: KubeObject) => KubeObject;
}

/** With a selector an object that begins to match is added, and one that no longer does is deleted. */
function asSeen(event: StateEvent, match: Match): { type: string; object: KubeObject } | undefined {
  const was = event.old !== undefined && match(event.old);
  const is = event.type !== 'DELETED' && match(event.object);
  if (!was && !is) return undefined;
  return { type: was ? (is ? 'MODIFIED' : 'DELETED') : 'ADDED', object: event.object };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const body: unknown = JSON.parse((await text(request)) || '{}');
  if (!isRecord(body)) throw new StatusReply(400, 'BadRequest', 'the body is not an object');
  return body;
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
