import { Backoff } from '../backoff.ts';
import { abortable, LinkedAbort, StoppedError } from '../cancel.ts';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { KubeClient, Selection } from './client.ts';
import { isKubeError } from './kube-error.ts';
import type { KubeObject } from './objects.ts';
import type { BoundReflectorMetrics, ReflectorMetrics } from './reflector-metrics.ts';
import type { Resource } from './resource.ts';
import { isNewerVersion } from './resource-version.ts';
import { type Indexers, type ReadonlyStore, Store, type StoreEvent } from './store.ts';
import type { WatchEvent } from './watch-stream.ts';

export interface ReflectorOptions<T extends KubeObject> extends Selection {
  readonly client: KubeClient;
  readonly resource: Resource<T>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ReflectorMetrics;
  /** 0 (default): one list from the server's cache. Else pages of this size, for large collections. */
  readonly pageSize?: number;
  /** Runs on each object before it is cached, after managedFields are gone: drop what nobody reads. May change it. */
  readonly transform?: (object: T) => T;
  readonly indexers?: Indexers<T>;
  /** Called when `connected` has changed. */
  readonly onConnected?: (connected: boolean) => void;
  readonly random?: () => number;
}

/** As client-go: a watch is ended by the server somewhere in here, so that those of many clients do not end together. */
const watchTimeoutSeconds = { min: 300, max: 600 };
const retryBackoff = { minMs: 500, maxMs: 60_000 };
/** A watch that lived this long was not refused in disguise: what comes next is the first failure again. */
const healthyWatchMs = 10_000;
/** A list of thousands of objects from a busy server takes longer than other calls may. */
const listDeadlineMs = 60_000;

/** A cache of one collection, kept up to date by list and watch. */
export class Reflector<T extends KubeObject> {
  readonly store: ReadonlyStore<T>;
  readonly #options: ReflectorOptions<T>;
  readonly #store: Store<T>;
  readonly #metrics: BoundReflectorMetrics;
  readonly #listeners = new Set<(event: StoreEvent<T>) => void>();
  readonly #stopping = new LinkedAbort();
  readonly #firstList = Promise.withResolvers<void>();
  readonly #backoff: Backoff;
  #running: Promise<void> | undefined;
  #position: Position = { type: 'list', resourceVersion: '0' };
  #synced = false;
  #connected = false;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#store = new Store(options.indexers);
    this.store = this.#store;
    this.#backoff = new Backoff(retryBackoff, options.random);
    this.#metrics = options.metrics.for(options.resource.plural);
  }

  /** True after the first complete list; stays true. */
  get synced(): boolean {
    return this.#synced;
  }

  /** True from an accepted watch until a failure: is the API server there? */
  get connected(): boolean {
    return this.#connected;
  }

  /** Called for each change from now on, in order, synchronously, after the store has it. */
  subscribe(listener: (event: StoreEvent<T>) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  start(): void {
    this.#running ??= this.#run(this.#stopping.signal);
  }

  /** Resolves after the first complete list; rejects with the signal's reason. */
  waitForSync(signal?: AbortSignal): Promise<void> {
    return signal === undefined ? this.#firstList.promise : abortable(this.#firstList.promise, signal);
  }

  /** Ends the watch; when it resolves nothing of this reflector is open and nothing will open. */
  async stop(): Promise<void> {
    this.#stopping.abort(new StoppedError(`reflector of ${this.#options.resource.plural}`));
    this.#running ??= Promise.resolve(); // start() after stop() starts nothing
    await this.#running;
    this.#setConnected(false);
  }

  /** List once, then watch for ever; whatever ends one of them decides where to go on, and is followed by a wait. */
  async #run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const startMs = clock.monotonic();
      let waitMs: number | undefined;
      try {
        if (this.#position.type === 'list') {
          await this.#list(this.#position.resourceVersion, signal);
          continue;
        }
        await this.#watch(this.#position.resourceVersion, signal);
      } catch (error) {
        if (signal.aborted) return;
        waitMs = this.#recover(error);
      }
      if (clock.monotonic() - startMs >= healthyWatchMs) this.#backoff.reset();
      // Also after an orderly end: a server that goes away ends all its watches in order and at the same moment.
      await clock.sleep(waitMs ?? this.#backoff.nextMs(), signal).catch(ignoreAbort);
    }
  }

  async #list(resourceVersion: string | undefined, signal: AbortSignal): Promise<void> {
    this.#metrics.list();
    const { client, resource, pageSize = 0 } = this.#options;
    const list = await client.list(resource, {
      ...this.#selection(),
      pageSize,
      // With a limit any version but '' and '0' means exactly that version, which soon cannot be had; '0' ignores the limit.
      ...(pageSize > 0 || resourceVersion === undefined ? {} : { resourceVersion }),
      transform: (object) => this.#prepare(object),
      deadlineMs: listDeadlineMs,
      retry: 'never',
      signal,
    });
    this.#position = { type: 'watch', resourceVersion: list.resourceVersion };
    for (const event of this.#store.replace(list.items)) this.#emit(event);
    this.#synced = true;
    this.#firstList.resolve();
  }

  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    this.#metrics.watch();
    const { client, resource, random = Math.random } = this.#options;
    const { min, max } = watchTimeoutSeconds;
    const events = client.watch(resource, {
      ...this.#selection(),
      resourceVersion,
      timeoutSeconds: Math.floor(min + random() * (max - min)),
      onOpen: () => this.#setConnected(true),
      signal,
    });
    for await (const event of events) {
      this.#backoff.reset();
      this.#apply(event);
    }
  }

  #apply(event: WatchEvent<T>): void {
    if (event.type === 'BOOKMARK') {
      this.#moveTo(event.resourceVersion);
      return;
    }
    this.#metrics.event();
    const { resourceVersion } = event.object.metadata; // read first: `transform` may return another object
    const change =
      event.type === 'DELETED' ? this.#store.delete(event.object) : this.#store.set(this.#prepare(event.object));
    if (change === undefined) this.#metrics.staleEvent();
    else this.#emit(change);
    this.#moveTo(resourceVersion);
  }

  /** Where a next watch goes on. Never back: what was seen once is not asked for again. */
  #moveTo(resourceVersion: string): void {
    const { type, resourceVersion: current } = this.#position;
    if (type === 'watch' && isNewerVersion(resourceVersion, current)) {
      this.#position = { type: 'watch', resourceVersion };
    }
  }

  /** Decides where to go on after an error; how long the server wants us to wait, if it said so. */
  #recover(error: unknown): number | undefined {
    const { resource, logger, random = Math.random } = this.#options;
    this.#metrics.failure();
    this.#setConnected(false);
    const { type, resourceVersion } = this.#position;
    if (isKubeError(error, 'ResourceVersionTooLarge') || (type === 'list' && isKubeError(error, 'Gone'))) {
      // The server is behind what we have seen, perhaps for good (etcd from a backup): whatever it has now is the truth.
      this.#position = { type: 'list', resourceVersion: undefined };
    } else if (isKubeError(error, ...relistCodes)) {
      this.#position = { type: 'list', resourceVersion };
    }
    logger.warn({ resource: resource.plural, next: this.#position, reason: messageOf(error) }, `${type} failed`);
    const retryAfterMs = isKubeError(error) ? error.facts.retryAfterMs : undefined;
    return retryAfterMs === undefined ? undefined : retryAfterMs * (1 + retryAfterSpread * random());
  }

  #setConnected(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    this.#options.onConnected?.(connected);
  }

  #prepare(object: T): T {
    const metadata: T['metadata'] & { managedFields?: unknown } = object.metadata;
    delete metadata.managedFields; // often larger than the rest, and nobody here reads it
    return this.#options.transform?.(object) ?? object;
  }

  #emit(event: StoreEvent<T>): void {
    if (event.type === 'added') this.#metrics.objects(1);
    if (event.type === 'deleted') this.#metrics.objects(-1);
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        // A mistake in a listener must not keep the event from the others, nor end the watch.
        this.#options.logger.error({ err: error, resource: this.#options.resource.plural }, 'listener failed');
      }
    }
  }

  #selection(): Selection {
    const { namespace, labelSelector, fieldSelector } = this.#options;
    return {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
  }
}

/** What to ask next. A list without a version is a quorum read; with one, the answer is not older than that. */
type Position =
  | { readonly type: 'list'; readonly resourceVersion: string | undefined }
  | { readonly type: 'watch'; readonly resourceVersion: string };

/** After these, watching on from the same version would fail again, or miss something. */
const relistCodes = ['Gone', 'BadResponse', 'NotFound', 'BadRequest', 'Invalid'] as const;
/** Clients that were told the same Retry-After come back over this part of it. */
const retryAfterSpread = 0.2;

/** The loop looks at the signal itself. */
function ignoreAbort(): void {}
