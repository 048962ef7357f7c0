import { type KubeObject, keyOf } from './objects.ts';
import { isNewerVersion } from './resource-version.ts';

export type StoreEvent<T> =
  | { readonly type: 'added'; readonly old: undefined; readonly new: T }
  | { readonly type: 'updated'; readonly old: T; readonly new: T }
  | { readonly type: 'deleted'; readonly old: T; readonly new: undefined };

/** Name to function: the values under which an object is found by `byIndex`. */
export type Indexers<T> = Readonly<Record<string, (object: T) => readonly string[]>>;

/** What others see of a reflector's cache. Objects are shared: nobody changes them. Keys as of `keyOf`. */
export interface ReadonlyStore<T extends KubeObject> {
  readonly size: number;
  get(key: string): T | undefined;
  has(key: string): boolean;
  keys(): IterableIterator<string>;
  list(): IterableIterator<T>;
  /** Objects whose indexer `index` gave `value`. An unknown index is a mistake and throws. */
  byIndex(index: string, value: string): readonly T[];
}

/** Objects by key, with indexes. Its changes come back as events; older states than the one held change nothing. */
export class Store<T extends KubeObject> implements ReadonlyStore<T> {
  readonly #objects = new Map<string, T>();
  readonly #indexers: Indexers<T>;
  /** Index name to value to keys. */
  readonly #indexes = new Map<string, Map<string, Set<string>>>();

  constructor(indexers: Indexers<T> = {}) {
    this.#indexers = indexers;
    for (const name of Object.keys(indexers)) this.#indexes.set(name, new Map());
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  has(key: string): boolean {
    return this.#objects.has(key);
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  list(): IterableIterator<T> {
    return this.#objects.values();
  }

  byIndex(index: string, value: string): readonly T[] {
    const values = this.#indexes.get(index);
    if (values === undefined) throw new RangeError(`no index ${JSON.stringify(index)}`);
    return [...(values.get(value) ?? [])].flatMap((key) => this.#objects.get(key) ?? []);
  }

  /** Undefined when what is held is as new or newer. */
  set(object: T): StoreEvent<T> | undefined {
    const old = this.#objects.get(keyOf(object.metadata));
    if (old !== undefined && !isNewer(object, old)) return undefined;
    return this.#put(object, old);
  }

  /** Undefined when there is none, or the one held is newer (deleted and made again, and the news came in the wrong order). */
  delete(object: T): StoreEvent<T> | undefined {
    const old = this.#objects.get(keyOf(object.metadata));
    if (old === undefined || isNewer(old, object)) return undefined;
    return this.#remove(old);
  }

  /** Becomes exactly these objects: what a list says is the truth, also where it is older than what was held. */
  *replace(objects: readonly T[]): Generator<StoreEvent<T>, void, void> {
    const listed = new Set(objects.map((object) => keyOf(object.metadata)));
    for (const [key, old] of [...this.#objects]) if (!listed.has(key)) yield this.#remove(old);
    for (const object of objects) {
      const old = this.#objects.get(keyOf(object.metadata));
      if (old?.metadata.uid === object.metadata.uid && old.metadata.resourceVersion === object.metadata.resourceVersion)
        continue;
      yield this.#put(object, old);
    }
  }

  #put(object: T, old: T | undefined): StoreEvent<T> {
    if (old !== undefined) this.#unindex(old);
    this.#objects.set(keyOf(object.metadata), object);
    this.#index(object);
    return old === undefined ? { type: 'added', old, new: object } : { type: 'updated', old, new: object };
  }

  #remove(old: T): StoreEvent<T> {
    this.#unindex(old);
    this.#objects.delete(keyOf(old.metadata));
    return { type: 'deleted', old, new: undefined };
  }

  #index(object: T): void {
    const key = keyOf(object.metadata);
    for (const [name, values] of this.#indexes) {
      for (const value of this.#indexers[name]?.(object) ?? []) {
        const keys = values.get(value);
        if (keys === undefined) values.set(value, new Set([key]));
        else keys.add(key);
      }
    }
  }

  #unindex(object: T): void {
    const key = keyOf(object.metadata);
    for (const [name, values] of this.#indexes) {
      for (const value of this.#indexers[name]?.(object) ?? []) {
        const keys = values.get(value);
        keys?.delete(key);
        if (keys?.size === 0) values.delete(value);
      }
    }
  }
}

function isNewer(a: KubeObject, b: KubeObject): boolean {
  return isNewerVersion(a.metadata.resourceVersion, b.metadata.resourceVersion);
}
