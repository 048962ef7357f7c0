import type { Registry } from 'prom-client';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { KubeClient, Selection } from './client.ts';
import type { KubeObject } from './objects.ts';
import type { Resource } from './resource.ts';
import type { Indexers, ReadonlyStore, StoreEvent } from './store.ts';

/** Metrics of all reflectors of a process, by label `resource`. */
export declare class ReflectorMetrics {
  constructor(registry: Registry);
}

export interface ReflectorOptions<T extends KubeObject> extends Selection {
  readonly client: KubeClient;
  readonly resource: Resource<T>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ReflectorMetrics;
  /** 0 (default): one list from the server's cache (resourceVersion=0). Else pages of this size, for large collections. */
  readonly pageSize?: number;
  /** Runs on each object before it is cached, after managedFields are gone: drop what nobody reads. May change it. */
  readonly transform?: (object: T) => T;
  readonly indexers?: Indexers<T>;
  readonly random?: () => number;
}

/** A cache of one collection, kept up to date by list and watch. */
export declare class Reflector<T extends KubeObject> {
  constructor(options: ReflectorOptions<T>);
  readonly store: ReadonlyStore<T>;
  /** True after the first complete list; stays true. */
  get synced(): boolean;
  /** True while a watch is open (false between watches only after a failure): is the API server there? */
  get connected(): boolean;
  /** Called for each change from now on, in order, synchronously, after the store has it. A listener must not throw. */
  subscribe(listener: (event: StoreEvent<T>) => void): Disposable;
  start(): void;
  /** Resolves after the first complete list; rejects with the signal's reason. */
  waitForSync(signal?: AbortSignal): Promise<void>;
  /** Ends the watch; when it resolves nothing of this reflector is open and nothing will open. */
  stop(): Promise<void>;
}
