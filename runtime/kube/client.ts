import type { Draft, KubeObject, ObjectRef } from './objects.ts';
import type { Resource } from './resource.ts';
import type { Transport } from './transport.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
  readonly retry?: 'safe' | 'never';
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

export interface ListOptions extends CallOptions, Selection {
  /** '0' reads the server's cache; absent means the newest (a quorum read). */
  readonly resourceVersion?: string;
  /** Objects per page, 500 by default; 0 asks for everything in one answer. */
  readonly pageSize?: number;
}

export interface ListResult<T extends KubeObject> {
  readonly items: T[];
  readonly resourceVersion: string;
}

export interface WatchOptions extends CallOptions, Selection {
  readonly resourceVersion: string;
  readonly timeoutSeconds: number;
}

export interface DeleteOptions extends CallOptions {
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly gracePeriodSeconds?: number;
}

/** A line of a watch that is data. ERROR is thrown as a KubeError; other types and broken lines as BadResponse. */
export type WatchEvent<T extends KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

export interface KubeClientOptions {
  readonly transport: Transport;
  /** Default of `fieldManager` in writes. */
  readonly fieldManager: string;
  /** 'Warn' by default: under Strict one unknown field loses a whole status while versions differ. Tests use Strict. */
  readonly fieldValidation?: 'Warn' | 'Strict';
  /** Called before each write; throws to forbid it (a leader that lost its lease). */
  readonly fence?: () => void;
}

/** The verbs of the API, typed by resource. Every failure is a KubeError. */
export declare class KubeClient {
  constructor(options: KubeClientOptions);
  get<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    options?: CallOptions & { readonly resourceVersion?: string },
  ): Promise<T>;
  /** As `get`, but undefined when there is none. */
  find<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    options?: CallOptions & { readonly resourceVersion?: string },
  ): Promise<T | undefined>;
  /** All pages. */
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<ListResult<T>>;
  create<T extends KubeObject>(resource: Resource<T>, object: Draft<T>, options?: WriteOptions): Promise<T>;
  /** PUT: the object's resourceVersion decides whether it is still the one that was read (Conflict). */
  update<T extends KubeObject>(resource: Resource<T>, object: Draft<T>, options?: WriteOptions): Promise<T>;
  /** JSON merge patch (RFC 7386): null removes. */
  mergePatch<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    patch: object,
    options?: WriteOptions,
  ): Promise<T>;
  /** Server-side apply; makes the object when there is none (but not through a subresource). `force` takes over fields of other managers. */
  apply<T extends KubeObject>(
    resource: Resource<T>,
    object: Draft<Partial<T> & KubeObject>,
    options?: WriteOptions & { readonly force?: boolean },
  ): Promise<T>;
  /** False when there was nothing to delete. Preconditions that do not hold are a Conflict. */
  delete(resource: Resource<KubeObject>, ref: ObjectRef, options?: DeleteOptions): Promise<boolean>;
  /** Ends when the server ends it; throws a KubeError or the signal's reason. */
  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncGenerator<WatchEvent<T>, void, void>;
}
