import type { KubeClient, WriteOptions } from './client.ts';
import type { KubeObject } from './objects.ts';
import type { Resource } from './resource.ts';

/** The smallest JSON merge patch (RFC 7386) that makes `next` of `current`; undefined when they are the same. */
export declare function mergePatchBetween(current: unknown, next: unknown): unknown;

/** Sends the difference between the object's status and `status` as one merge patch; undefined when there is none. */
export declare function patchStatus<T extends KubeObject & { status?: unknown }>(
  client: KubeClient,
  resource: Resource<T>,
  object: T,
  status: NonNullable<T['status']>,
  options?: WriteOptions,
): Promise<T | undefined>;

/** Server-side apply of the whole status, by force; undefined, and nothing sent, when the object's has it already. */
export declare function applyStatus<T extends KubeObject & { status?: unknown }>(
  client: KubeClient,
  resource: Resource<T>,
  object: T,
  status: NonNullable<T['status']>,
  options?: WriteOptions,
): Promise<T | undefined>;
