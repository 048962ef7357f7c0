import { isKubeError, KubeError } from './kube-error.ts';
import type { Draft, KubeObject, ObjectRef } from './objects.ts';
import { apiVersionOf, collectionPath, objectPath, type Resource } from './resource.ts';
import type { Transport, TransportRequest } from './transport.ts';
import { readWatch, type WatchEvent } from './watch-stream.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
  readonly retry?: 'safe' | 'never';
}

export interface GetOptions extends CallOptions {
  /** '0' reads the server's cache, which may lag; absent reads the newest. */
  readonly resourceVersion?: string;
}

export interface WriteOptions extends CallOptions {
  readonly fieldManager?: string;
  readonly subresource?: 'status' | 'scale';
}

export interface Selection {
  /** All namespaces without one. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface ListOptions<T extends KubeObject> extends CallOptions, Selection {
  /** '0' reads the server's cache; another one a state not older than it; absent the newest (a quorum read). */
  readonly resourceVersion?: string;
  /** Objects per page, 500 by default; 0 asks for everything in one answer. */
  readonly pageSize?: number;
  /** Runs on each object as its page arrives, so that what it drops is never held for all pages at once. */
  readonly transform?: (object: T) => T;
}

export interface ListResult<T extends KubeObject> {
  readonly items: T[];
  readonly resourceVersion: string;
}

export interface WatchOptions extends CallOptions, Selection {
  readonly resourceVersion: string;
  /** When the server is to end the watch. No bytes for 15 s longer than this, and the connection is given up. */
  readonly timeoutSeconds: number;
  /** Called when the server has accepted the watch. */
  readonly onOpen?: () => void;
}

export interface DeleteOptions extends CallOptions {
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly gracePeriodSeconds?: number;
}

export interface KubeClientOptions {
  readonly transport: Transport;
  /** Default of `fieldManager` in writes. */
  readonly fieldManager: string;
  /** 'Warn' by default: under Strict one unknown field loses a whole status while versions differ. Tests use Strict. */
  readonly fieldValidation?: 'Warn' | 'Strict';
  /** Called before each write; throws to forbid it (a leader that lost its lease). */
  readonly fence?: () => void;
}

/** client-go's page; 500 Nodes are about 10 MiB. */
const defaultPageSize = 500;
/** A continue token lives for five minutes; a list that outlives it this often will not get through. */
const maxListRestarts = 3;
/** The server ends a watch at `timeoutSeconds`; beyond that and this the connection is dead. */
const watchGraceMs = 15_000;

/** The verbs of the API, typed by resource. Every failure is a KubeError, a DeadlineError or the signal's reason. */
export class KubeClient {
  readonly #options: KubeClientOptions;
  readonly #transport: Transport;

  constructor(options: KubeClientOptions) {
    this.#options = options;
    this.#transport = options.transport;
  }

  get<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options: GetOptions = {}): Promise<T> {
    const { resourceVersion } = options;
    const path = withQuery(objectPath(resource, ref), { resourceVersion });
    return this.#transport.json<T>({ method: 'GET', path, accept: acceptOf(resource, 'object'), ...callOf(options) });
  }

  /** As `get`, but undefined when there is none. */
  async find<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    options: GetOptions = {},
  ): Promise<T | undefined> {
    try {
      return await this.get(resource, ref, options);
    } catch (error) {
      if (isKubeError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  /** All pages. When a continue token has expired meanwhile, from the start, a few times. */
  async list<T extends KubeObject>(resource: Resource<T>, options: ListOptions<T> = {}): Promise<ListResult<T>> {
    for (let restarts = 0; ; restarts++) {
      try {
        return await this.#listOnce(resource, options);
      } catch (error) {
        if (!(error instanceof ExpiredContinueError)) throw error;
        if (restarts === maxListRestarts) throw error.cause;
      }
    }
  }

  create<T extends KubeObject>(resource: Resource<T>, object: Draft<T>, options: WriteOptions = {}): Promise<T> {
    const path = collectionPath(resource, object.metadata.namespace);
    return this.#write<T>({ method: 'POST', path, body: typed(resource, object) }, options);
  }

  /** PUT: the object's resourceVersion decides whether it is still the one that was read (Conflict). */
  update<T extends KubeObject>(resource: Resource<T>, object: Draft<T>, options: WriteOptions = {}): Promise<T> {
    const path = objectPath(resource, object.metadata, options.subresource);
    return this.#write<T>({ method: 'PUT', path, body: typed(resource, object) }, options);
  }

  /** JSON merge patch (RFC 7386): null removes. */
  mergePatch<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    patch: object,
    options: WriteOptions = {},
  ): Promise<T> {
    const path = objectPath(resource, ref, options.subresource);
    return this.#write<T>({ method: 'PATCH', path, body: patch, contentType: 'application/merge-patch+json' }, options);
  }

  /**
   * Server-side apply; makes the object when there is none (but not through a subresource). `force` takes over fields
   * of other managers, else they are a Conflict.
   */
  apply<T extends KubeObject>(
    resource: Resource<T>,
    object: ApplyDraft<T>,
    options: WriteOptions & { readonly force?: boolean } = {},
  ): Promise<T> {
    const path = objectPath(resource, object.metadata, options.subresource);
    // JSON is YAML, and `apply-patch+json` exists only from Kubernetes 1.36 on.
    const request = {
      method: 'PATCH',
      path,
      body: typed(resource, object),
      contentType: 'application/apply-patch+yaml',
    };
    return this.#write<T>(
      request as WriteRequest,
      options,
      options.force === undefined ? {} : { force: options.force },
    );
  }

  /** False when there was nothing to delete. Preconditions that do not hold are a Conflict. */
  async delete(resource: Resource<KubeObject>, ref: ObjectRef, options: DeleteOptions = {}): Promise<boolean> {
    this.#options.fence?.();
    const { uid, resourceVersion, propagationPolicy, gracePeriodSeconds } = options;
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      preconditions: { uid, resourceVersion },
      propagationPolicy,
      gracePeriodSeconds,
    };
    try {
      await this.#transport.json({ method: 'DELETE', path: objectPath(resource, ref), body, ...callOf(options) });
      return true;
    } catch (error) {
      if (isKubeError(error, 'NotFound')) return false;
      throw error;
    }
  }

  /** Ends when the server ends it; throws a KubeError or the signal's reason. */
  async *watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void, void> {
    const { resourceVersion, timeoutSeconds, labelSelector, fieldSelector } = options;
    const query = {
      labelSelector,
      fieldSelector,
      resourceVersion,
      timeoutSeconds,
      watch: 1,
      allowWatchBookmarks: true,
    };
    const path = withQuery(collectionPath(resource, options.namespace), query);
    const accept = acceptOf(resource, 'object');
    const body = await this.#transport.stream({ method: 'GET', path, accept, ...callOf(options) });
    options.onOpen?.();
    yield* readWatch<T>(body, {
      name: `GET ${collectionPath(resource, options.namespace)}`,
      clock: this.#transport.clock,
      idleLimitMs: timeoutSeconds * 1000 + watchGraceMs,
      signal: options.signal,
    });
  }

  async #listOnce<T extends KubeObject>(resource: Resource<T>, options: ListOptions<T>): Promise<ListResult<T>> {
    const { labelSelector, fieldSelector, transform } = options;
    const limit = options.pageSize === 0 ? undefined : (options.pageSize ?? defaultPageSize);
    const items: T[] = [];
    let next: string | undefined;
    for (;;) {
      // The token holds the version of the first page; sending another beside it is refused.
      const version = next === undefined ? { resourceVersion: options.resourceVersion } : { continue: next };
      const query = { labelSelector, fieldSelector, limit, ...version };
      const path = withQuery(collectionPath(resource, options.namespace), query);
      const request = { method: 'GET', path, accept: acceptOf(resource, 'list'), ...callOf(options) } as const;
      const page = await this.#page<T>(request, next !== undefined);
      for (const item of page.items ?? []) items.push(transform === undefined ? item : transform(item));
      next = page.metadata.continue;
      if (next === undefined || next === '') return { items, resourceVersion: page.metadata.resourceVersion };
    }
  }

  async #page<T extends KubeObject>(request: TransportRequest, continued: boolean): Promise<Page<T>> {
    try {
      const page = await this.#transport.json<Page<T>>(request);
      if (typeof page?.metadata?.resourceVersion === 'string') return page;
    } catch (error) {
      if (continued && isKubeError(error, 'Gone')) throw new ExpiredContinueError(error);
      throw error;
    }
    throw new KubeError('BadResponse', `GET ${request.path}: the answer is not a list`, { request: request.path });
  }

  async #write<T>(request: WriteRequest, options: WriteOptions, more: Query = {}): Promise<T> {
    this.#options.fence?.();
    const fieldManager = options.fieldManager ?? this.#options.fieldManager;
    const fieldValidation = this.#options.fieldValidation ?? 'Warn';
    const path = withQuery(request.path, { fieldManager, fieldValidation, ...more });
    return await this.#transport.json<T>({ ...request, path, ...callOf(options) });
  }
}

/** What one applies: the fields one has an opinion on. */
export type ApplyDraft<T extends KubeObject> = Partial<Omit<T, 'metadata'>> & Pick<Draft<T>, 'metadata'>;

type WriteRequest = Pick<TransportRequest, 'method' | 'path' | 'body' | 'contentType'>;
type Query = Readonly<Record<string, string | number | boolean | undefined>>;

interface Page<T> {
  items?: T[] | null;
  metadata: { resourceVersion: string; continue?: string };
}

class ExpiredContinueError extends Error {
  constructor(cause: KubeError) {
    super('continue token expired', { cause });
  }
}

function callOf(options: CallOptions): Pick<TransportRequest, 'signal' | 'deadlineMs' | 'retry'> {
  return { signal: options.signal, deadlineMs: options.deadlineMs, retry: options.retry };
}

function typed(resource: Resource<KubeObject>, object: object): object {
  return { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind };
}

/** https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches; a watch asks for the object form. */
function acceptOf(resource: Resource<KubeObject>, form: 'object' | 'list'): string {
  if (resource.metadataOnly !== true) return 'application/json';
  return `application/json;as=PartialObjectMetadata${form === 'list' ? 'List' : ''};g=meta.k8s.io;v=v1`;
}

function withQuery(path: string, query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
  const text = parameters.toString();
  return text === '' ? path : `${path}?${text}`;
}
