import { isDeepStrictEqual } from 'node:util';
import { type KubeObject, keyOf } from '../../../runtime/kube/objects.ts';
import type { ClusterState } from './cluster-state.ts';
import { isRecord, type Json, leavesOf, mergePatch, without } from './patch.ts';
import { StatusReply } from './status-reply.ts';

/** Where a write goes. */
export interface Target {
  readonly collection: string;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly subresource: string | undefined;
  /** The kind has a status subresource. */
  readonly hasStatus: boolean;
}

const microTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

/** create, update, patch, apply and delete, with the rules of the real server that clients rely on. */
export class Writes {
  readonly #state: ClusterState;
  /** Per object and manager, what it applied last. */
  readonly #applied = new Map<string, Map<string, Json>>();

  constructor(state: ClusterState) {
    this.#state = state;
  }

  create(target: Target, body: KubeObject): KubeObject {
    const key = keyOf(target);
    if (this.#state.get(target.collection, key) !== undefined) {
      throw new StatusReply(409, 'AlreadyExists', `"${target.name}" already exists`);
    }
    validate(body);
    const namespace = target.namespace === undefined ? {} : { namespace: target.namespace };
    const { status: _, ...rest } = body as KubeObject & { status?: unknown };
    const object = { ...(target.hasStatus ? rest : body), metadata: { ...body.metadata, ...namespace } };
    return this.#state.create(target.collection, key, object);
  }

  update(target: Target, body: KubeObject): KubeObject {
    const old = this.#existing(target);
    const { resourceVersion, uid } = body.metadata;
    checkVersion(target, old, resourceVersion, uid);
    validate(body);
    const wanted = body as unknown as Json;
    const current = old as unknown as Json;
    const next: Json =
      target.subresource === 'status'
        ? { ...current, status: wanted['status'] }
        : { ...wanted, ...(target.hasStatus ? { status: current['status'] } : {}) };
    return this.#store(target, old, next);
  }

  mergePatch(target: Target, patch: unknown): KubeObject {
    const old = this.#existing(target);
    const next = mergePatch(old, patch) as KubeObject;
    refuseOtherUid(target, old, next.metadata.uid);
    return this.update(target, next);
  }

  /** Server-side apply, with leaves as the unit of ownership and lists as leaves. */
  apply(target: Target, body: Json, manager: string, force: boolean): KubeObject {
    const key = keyOf(target);
    const owners = this.#applied.get(`${target.collection} ${key}`) ?? new Map<string, Json>();
    this.#applied.set(`${target.collection} ${key}`, owners);
    const { apiVersion: _, kind: __, metadata = {}, ...fields } = body as Json & { metadata?: Json };
    const labels = isRecord(metadata['labels']) ? { metadata: { labels: metadata['labels'] } } : {};
    const wanted: Json = { ...fields, ...labels };
    const old = this.#state.get(target.collection, key);
    if (old === undefined) {
      if (target.subresource !== undefined) throw new StatusReply(404, 'NotFound', `"${target.name}" not found`);
      owners.set(manager, wanted);
      return this.create(target, { ...(body as unknown as KubeObject), metadata: metadata as never });
    }
    refuseOtherUid(target, old, text(metadata['uid']) ?? old.metadata.uid);
    const leaves = leavesOf(wanted);
    if (!force) refuseConflicts(owners, manager, leaves);
    let next = old as unknown as Json;
    for (const path of leavesOf(owners.get(manager) ?? {}).keys()) {
      if (!leaves.has(path)) next = without(next, JSON.parse(path) as string[]) as Json;
    }
    owners.set(manager, wanted);
    return this.update(target, mergePatch(next, wanted) as KubeObject);
  }

  delete(target: Target, options: Json): KubeObject {
    const old = this.#existing(target);
    const preconditions = isRecord(options['preconditions']) ? options['preconditions'] : {};
    checkVersion(target, old, text(preconditions['resourceVersion']), text(preconditions['uid']));
    if ((old.metadata.finalizers ?? []).length === 0) {
      this.#state.delete(target.collection, keyOf(target));
      return old;
    }
    if (old.metadata.deletionTimestamp !== undefined) return old;
    const metadata = { ...old.metadata, deletionTimestamp: new Date().toISOString() };
    return this.#state.update(target.collection, keyOf(target), { ...old, metadata });
  }

  #store(target: Target, old: KubeObject, wanted: Json): KubeObject {
    const { uid, creationTimestamp, generation = 1, resourceVersion, deletionTimestamp } = old.metadata;
    const { managedFields } = old.metadata as { managedFields?: unknown }; // the server's own, whatever a client sends
    const kept = { uid, creationTimestamp, generation, resourceVersion, managedFields };
    const deleting = deletionTimestamp === undefined ? {} : { deletionTimestamp };
    const next = {
      ...wanted,
      metadata: { ...(wanted['metadata'] as object), ...kept, ...deleting },
    } as unknown as KubeObject;
    if (isDeepStrictEqual(next, old)) return old; // a write that changes nothing makes no version
    const specMoved = !isDeepStrictEqual((next as { spec?: unknown }).spec, (old as { spec?: unknown }).spec);
    if (specMoved) next.metadata.generation = generation + 1;
    const stored = this.#state.update(target.collection, keyOf(target), next);
    const finished = deletionTimestamp !== undefined && (stored.metadata.finalizers ?? []).length === 0;
    if (finished) this.#state.delete(target.collection, keyOf(target));
    return stored;
  }

  #existing(target: Target): KubeObject {
    const object = this.#state.get(target.collection, keyOf(target));
    if (object === undefined) throw new StatusReply(404, 'NotFound', `"${target.name}" not found`);
    return object;
  }
}

function checkVersion(target: Target, old: KubeObject, version: string | undefined, uid: string | undefined): void {
  if (uid !== undefined && uid !== old.metadata.uid) {
    throw new StatusReply(409, 'Conflict', `"${target.name}": Precondition failed: UID in precondition`);
  }
  if (version !== undefined && version !== old.metadata.resourceVersion) {
    throw new StatusReply(409, 'Conflict', `"${target.name}": the object has been modified`);
  }
}

/** What a patch that names another UID is told. */
function refuseOtherUid(target: Target, old: KubeObject, uid: string): void {
  if (uid === old.metadata.uid) return;
  const causes = [{ reason: 'FieldValueInvalid', field: 'metadata.uid' }];
  throw new StatusReply(422, 'Invalid', `"${target.name}" is invalid: metadata.uid: field is immutable`, causes);
}

function refuseConflicts(owners: ReadonlyMap<string, Json>, manager: string, leaves: Map<string, unknown>): void {
  for (const [other, applied] of owners) {
    if (other === manager) continue;
    for (const [path, value] of leavesOf(applied)) {
      if (leaves.has(path) && !isDeepStrictEqual(leaves.get(path), value)) {
        throw new StatusReply(409, 'Conflict', `Apply failed with 1 conflict: conflict with "${other}": ${path}`);
      }
    }
  }
}

/** What the real server's decoder refuses in the objects that the suite writes. */
function validate(body: KubeObject): void {
  if (body.kind !== 'Lease') return;
  const spec = (body as { spec?: Json }).spec ?? {};
  for (const field of ['renewTime', 'acquireTime']) {
    const time = spec[field];
    if (time !== undefined && !microTime.test(String(time))) {
      throw new StatusReply(400, 'BadRequest', `Lease in version "v1" cannot be handled: parsing time ${String(time)}`);
    }
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
