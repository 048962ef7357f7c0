import { detachFinalizer, detachLimitMs } from '../../crds/names.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import { done, type Result, requeueAfter } from '../../runtime/kube/result.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { OperatorMetrics } from '../metrics.ts';
import { type BpfObject, bpfRevisions, bpfs, type RevisionObject } from '../watch/resources.ts';
import { orGone } from './or-gone.ts';

export const hasFinalizer = ({ metadata }: BpfObject): boolean =>
  metadata.finalizers?.includes(detachFinalizer) === true;

/** A BPF that nodes may run must not be gone before they have let go of it. */
export async function addFinalizer(client: KubeClient, bpf: BpfObject, signal: AbortSignal): Promise<void> {
  await writeFinalizers(client, bpf, [...(bpf.metadata.finalizers ?? []), detachFinalizer], signal);
}

export async function removeFinalizer(client: KubeClient, bpf: BpfObject, signal: AbortSignal): Promise<void> {
  const others = (bpf.metadata.finalizers ?? []).filter((finalizer) => finalizer !== detachFinalizer);
  await orGone(writeFinalizers(client, bpf, others, signal));
}

/** The list is replaced whole, so only on top of the state that was read: anything else is a Conflict, and tried again. */
async function writeFinalizers(
  client: KubeClient,
  { metadata }: BpfObject,
  finalizers: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { uid, resourceVersion } = metadata;
  await client.mergePatch(bpfs, metadata, { metadata: { uid, resourceVersion, finalizers } }, { signal });
}

export interface DetachDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: OperatorMetrics;
}

/**
 * A BPF is being deleted: its revisions go, agents see that and let go, and once none lists it any more the BPF may go.
 * It never waits for longer than `detachLimitMs`, by the API server's clock or by ours, whichever is over first: agents
 * unload on their own what nobody wants, so going early is a delay, and waiting for ever would be a stuck namespace.
 */
export async function detach(
  deps: DetachDeps,
  bpf: BpfObject,
  state: { readonly revisions: readonly RevisionObject[]; readonly listed: number; readonly seenMs: number },
  signal: AbortSignal,
): Promise<Result> {
  const { client, clock, logger, metrics } = deps;
  for (const { metadata } of state.revisions) {
    if (metadata.deletionTimestamp !== undefined) continue;
    await client.delete(bpfRevisions, metadata, { uid: metadata.uid, signal });
  }

  const deletedMs = clock.now() - Date.parse(bpf.metadata.deletionTimestamp ?? '');
  const leftMs = detachLimitMs - Math.max(state.seenMs, deletedMs);
  if (state.listed > 0 && leftMs > 0) return requeueAfter(leftMs);
  if (state.listed > 0) {
    metrics.detachTimeouts.inc();
    const { namespace, name } = bpf.metadata;
    logger.warn({ namespace, bpf: name, nodes: state.listed }, 'deleted before every node has let go');
  }
  await removeFinalizer(client, bpf, signal);
  return done;
}
