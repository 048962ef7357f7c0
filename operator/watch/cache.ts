import { type KubeObject, refOf } from '../../runtime/kube/objects.ts';
import type { Reflector } from '../../runtime/kube/reflector.ts';
import type { StoreEvent } from '../../runtime/kube/store.ts';

/** One kind as it is watched: everywhere by one reflector, or in some namespaces by one each, seen as one collection. */
export class Cache<T extends KubeObject> {
  /** By namespace; '' for all of them, and for kinds without. */
  readonly #reflectors: ReadonlyMap<string, Reflector<T>>;

  constructor(reflectors: ReadonlyMap<string, Reflector<T>>) {
    this.#reflectors = reflectors;
  }

  get size(): number {
    return this.#sum(({ store }) => store.size);
  }

  get synced(): boolean {
    return this.#all(({ synced }) => synced);
  }

  get connected(): boolean {
    return this.#all(({ connected }) => connected);
  }

  get(key: string): T | undefined {
    return this.#reflectorOf(key)?.store.get(key);
  }

  *list(): Generator<T, void, void> {
    for (const { store } of this.#reflectors.values()) yield* store.list();
  }

  *keys(): Generator<string, void, void> {
    for (const { store } of this.#reflectors.values()) yield* store.keys();
  }

  byIndex(index: string, value: string): readonly T[] {
    return [...this.#reflectors.values()].flatMap(({ store }) => store.byIndex(index, value));
  }

  subscribe(listener: (event: StoreEvent<T>) => void): void {
    for (const reflector of this.#reflectors.values()) reflector.subscribe(listener);
  }

  start(): void {
    for (const reflector of this.#reflectors.values()) reflector.start();
  }

  async waitForSync(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#reflectors.values()].map((reflector) => reflector.waitForSync(signal)));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#reflectors.values()].map((reflector) => reflector.stop()));
  }

  #reflectorOf(key: string): Reflector<T> | undefined {
    return this.#reflectors.get('') ?? this.#reflectors.get(refOf(key).namespace ?? '');
  }

  #all(holds: (reflector: Reflector<T>) => boolean): boolean {
    return [...this.#reflectors.values()].every(holds);
  }

  #sum(value: (reflector: Reflector<T>) => number): number {
    return [...this.#reflectors.values()].reduce((sum, reflector) => sum + value(reflector), 0);
  }
}

/** The object that an event is about, also when it has gone. */
export const objectOf = <T>(event: StoreEvent<T>): T => (event.type === 'deleted' ? event.old : event.new);
