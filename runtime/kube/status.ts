import type { ApplyDraft, KubeClient, WriteOptions } from './client.ts';
import type { KubeObject } from './objects.ts';
import type { Resource } from './resource.ts';

/**
 * The smallest JSON merge patch (RFC 7386) that makes `next` of `current`, both JSON; undefined when they are the same.
 * Arrays are replaced whole, as the RFC has it. A property that is undefined or null counts as absent: a merge patch
 * cannot write null, and the API server drops nulls anyway.
 */
export function mergePatchBetween(current: unknown, next: unknown): unknown {
  if (!isRecord(current) || !isRecord(next)) return sameJson(current, next) ? undefined : next;
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(current)) {
    if (!isAbsent(current[key]) && isAbsent(next[key])) patch[key] = null;
  }
  for (const [key, value] of Object.entries(next)) {
    if (isAbsent(value)) continue;
    const change = isAbsent(current[key]) ? value : mergePatchBetween(current[key], value);
    if (change !== undefined) patch[key] = change;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

/** Sends the difference between the object's status and `status` as one merge patch; undefined when there is none. */
export async function patchStatus<T extends WithStatus>(
  client: KubeClient,
  resource: Resource<T>,
  object: T,
  status: NonNullable<T['status']>,
  options: WriteOptions = {},
): Promise<T | undefined> {
  const difference = mergePatchBetween(object.status ?? {}, status);
  if (difference === undefined) return undefined;
  // With another UID this is a Conflict: the status of an object that is gone is not written to its successor.
  const patch = { metadata: { uid: object.metadata.uid }, status: difference };
  return await client.mergePatch(resource, object.metadata, patch, { ...options, subresource: 'status' });
}

/**
 * Server-side apply of the whole status, by force: fields that this manager set before and that are not in `status` go.
 * Undefined, and nothing sent, when the object has it already.
 */
export async function applyStatus<T extends WithStatus>(
  client: KubeClient,
  resource: Resource<T>,
  object: T,
  status: NonNullable<T['status']>,
  options: WriteOptions = {},
): Promise<T | undefined> {
  if (mergePatchBetween(object.status ?? {}, status) === undefined) return undefined;
  const { name, namespace, uid } = object.metadata;
  const metadata = { name, uid, ...(namespace === undefined ? {} : { namespace }) };
  const draft = { metadata, status } as unknown as ApplyDraft<T>; // a status is what T holds under that key
  return await client.apply(resource, draft, { ...options, subresource: 'status', force: true });
}

type WithStatus = KubeObject & { status?: unknown };

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

function sameJson(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => sameJson(item, b[index]));
  }
  if (isRecord(a) && isRecord(b)) return mergePatchBetween(a, b) === undefined;
  return a === b || (isAbsent(a) && isAbsent(b));
}
