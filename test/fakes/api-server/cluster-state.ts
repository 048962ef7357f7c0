import { randomUUID } from 'node:crypto';
import type { KubeObject } from '../../../runtime/kube/objects.ts';

export interface StateEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly collection: string;
  readonly object: KubeObject;
  /** Before the change: a watch with a selector needs to know whether it knew the object. */
  readonly old: KubeObject | undefined;
  readonly resourceVersion: number;
}

/** What an API server keeps: objects by collection, one sequence of versions, and the changes that led here. */
export class ClusterState {
  readonly #collections = new Map<string, Map<string, KubeObject>>();
  readonly #watchers = new Set<(event: StateEvent) => void>();
  #history: StateEvent[] = [];
  /** Tests that look at versions start where `length` and numeric order differ soon. */
  #version = 995;
  #compactedVersion = 0;

  get version(): number {
    return this.#version;
  }

  /** The newest version that a watch can no longer go on from. */
  get compactedVersion(): number {
    return this.#compactedVersion;
  }

  get(collection: string, key: string): KubeObject | undefined {
    return this.#collections.get(collection)?.get(key);
  }

  /** Sorted by key, as etcd gives them. */
  list(collection: string): KubeObject[] {
    const entries = [...(this.#collections.get(collection) ?? [])];
    return entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  create(collection: string, key: string, object: KubeObject): KubeObject {
    const metadata = {
      ...object.metadata,
      uid: randomUUID(),
      creationTimestamp: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
      generation: 1,
      managedFields: [{ manager: 'whoever', operation: 'Update', fieldsType: 'FieldsV1', fieldsV1: {} }],
    };
    return this.#put('ADDED', collection, key, { ...object, metadata }, undefined);
  }

  update(collection: string, key: string, object: KubeObject): KubeObject {
    return this.#put('MODIFIED', collection, key, object, this.get(collection, key));
  }

  delete(collection: string, key: string): void {
    const old = this.get(collection, key);
    if (old === undefined) return;
    this.#collections.get(collection)?.delete(key);
    const resourceVersion = ++this.#version;
    const object = { ...old, metadata: { ...old.metadata, resourceVersion: String(resourceVersion) } };
    this.#publish({ type: 'DELETED', collection, object, old, resourceVersion });
  }

  /** Changes after this version, then each new one, until disposed. */
  watch(afterVersion: number, onEvent: (event: StateEvent) => void): Disposable {
    for (const event of this.#history) if (event.resourceVersion > afterVersion) onEvent(event);
    this.#watchers.add(onEvent);
    return { [Symbol.dispose]: () => this.#watchers.delete(onEvent) };
  }

  /** Forgets the past: who wants to go on from before now must list. */
  compact(): void {
    this.#history = [];
    this.#compactedVersion = this.#version;
  }

  #put(
    type: 'ADDED' | 'MODIFIED',
    collection: string,
    key: string,
    object: KubeObject,
    old: KubeObject | undefined,
  ): KubeObject {
    const resourceVersion = ++this.#version;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(resourceVersion) } };
    const objects = this.#collections.get(collection) ?? new Map<string, KubeObject>();
    this.#collections.set(collection, objects.set(key, stored));
    this.#publish({ type, collection, object: stored, old, resourceVersion });
    return stored;
  }

  #publish(event: StateEvent): void {
    this.#history.push(event);
    for (const watcher of [...this.#watchers]) watcher(event);
  }
}
