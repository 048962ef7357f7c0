import type { KubeObject, ObjectRef } from './objects.ts';

/** One kind of the API, with the TypeScript type of its objects (`type` is never set; it only carries T). */
export interface Resource<T extends KubeObject> {
  /** '' is the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Ask for PartialObjectMetadata instead of the objects: `metadataOf`. */
  readonly metadataOnly?: boolean;
  readonly type?: T;
}

export function defineResource<T extends KubeObject>(resource: Omit<Resource<T>, 'type'>): Resource<T> {
  return resource;
}

/** The same kind, but get, list and watch bring only `metadata` (PartialObjectMetadata). */
export function metadataOf(resource: Resource<KubeObject>): Resource<KubeObject> {
  const { group, version, plural, kind, namespaced } = resource;
  return { group, version, plural, kind, namespaced, metadataOnly: true };
}

export function apiVersionOf(resource: Pick<Resource<KubeObject>, 'group' | 'version'>): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** `/api/v1/namespaces/<namespace>/<plural>`: the collection; of all namespaces without one. */
export function collectionPath(resource: Resource<KubeObject>, namespace?: string): string {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const scope = resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${resource.plural}`;
}

/** The collection's path and the name, and the subresource where one is meant. */
export function objectPath(resource: Resource<KubeObject>, ref: ObjectRef, subresource?: string): string {
  const path = `${collectionPath(resource, ref.namespace)}/${encodeURIComponent(ref.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}
