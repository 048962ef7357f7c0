import type { KubeObject } from './objects.ts';

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
