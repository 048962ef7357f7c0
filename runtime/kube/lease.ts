import type { V1Lease } from '@kubernetes/client-node';
import type { KubeClient } from './client.ts';
import { toMicroTime } from './micro-time.ts';
import type { Draft, KubeObject, ObjectRef, Wire } from './objects.ts';
import { defineResource } from './resource.ts';

export type Lease = KubeObject & { spec?: Wire<NonNullable<V1Lease['spec']>> };

export const leases = defineResource<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
});

/** A Lease that is free again: the shortest duration that the API allows, and nobody's name. */
const releasedSeconds = 1;

/** The Lease as `identity` holds it from now on; `old` is what is there now, perhaps of somebody else. */
export function heldLease(ref: ObjectRef, old: Lease | undefined, holder: Holder): Draft<Lease> {
  const renewTime = toMicroTime(holder.nowMs);
  const ours = old?.spec?.holderIdentity === holder.identity;
  const transitions = old?.spec?.leaseTransitions ?? 0;
  return withSpec(ref, old, {
    holderIdentity: holder.identity,
    leaseDurationSeconds: holder.durationMs / 1000,
    renewTime,
    acquireTime: (ours ? old.spec?.acquireTime : undefined) ?? renewTime,
    leaseTransitions: ours || old === undefined ? transitions : transitions + 1,
  });
}

/** The Lease given back, so that the next one need not wait for its end. */
export function releasedLease(ref: ObjectRef, old: Lease, nowMs: number): Draft<Lease> {
  const time = toMicroTime(nowMs);
  return withSpec(ref, old, {
    leaseDurationSeconds: releasedSeconds,
    renewTime: time,
    acquireTime: time,
    leaseTransitions: old.spec?.leaseTransitions ?? 0,
  });
}

/** Creates it, or replaces exactly `old`: a Conflict or AlreadyExists when somebody else was faster. */
export function writeLease(
  client: KubeClient,
  old: Lease | undefined,
  lease: Draft<Lease>,
  options: { readonly deadlineMs: number; readonly signal?: AbortSignal },
): Promise<Lease> {
  const call = { ...options, retry: 'never' as const };
  return old === undefined ? client.create(leases, lease, call) : client.update(leases, lease, call);
}

export interface Holder {
  readonly identity: string;
  readonly durationMs: number;
  readonly nowMs: number;
}

function withSpec(ref: ObjectRef, old: Lease | undefined, spec: NonNullable<Lease['spec']>): Draft<Lease> {
  const version = old === undefined ? {} : { resourceVersion: old.metadata.resourceVersion, uid: old.metadata.uid };
  return { metadata: { ...ref, ...version }, spec };
}
