import type { BpfStatus } from '../crds/bpf.ts';
import { payloadLabel } from '../crds/names.ts';
import type { Clock } from '../runtime/clock.ts';
import { CodedError, messageOf } from '../runtime/errors.ts';
import type { KubeClient } from '../runtime/kube/client.ts';
import { isKubeError } from '../runtime/kube/kube-error.ts';
import { heldLease, leases, writeLease } from '../runtime/kube/lease.ts';
import { keyOf } from '../runtime/kube/objects.ts';
import { patchStatus } from '../runtime/kube/status.ts';
import type { Logger } from '../runtime/logger.ts';
import { hasFinalizer, removeFinalizer } from './reconcile/finalizer.ts';
import { orGone } from './reconcile/or-gone.ts';
import { conditionsWith } from './status/bpf-status.ts';
import type { Verdict } from './status/verdicts.ts';
import { type BpfObject, bpfNodes, bpfRevisions, bpfs, configMapMetadata, nodes } from './watch/resources.ts';
import { trimBpf, trimBpfNode, trimMetadata, trimNode } from './watch/trim.ts';

export interface UninstallDeps {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly leaseName: string;
  readonly instance: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A leader that could not renew for this long has stopped writing (LeaderElector's renew limit). */
const renewLimitMs = 10_000;
/** Nobody takes over for this long: by then whoever uninstalls has deleted the Deployment. */
const holdMs = 120_000;
/** The holder renews every 2 s, and one of two writes in a row is ours. */
const maxTakeAttempts = 10;
/** Agents that have not let go by then let go on their own, when they see that nothing is wanted. */
const detachLimitMs = 60_000;
const askEveryMs = 1_000;

/** The Lease could not be taken away from its holder. */
export class LeaseBusyError extends CodedError<'LeaseBusy', { lease: string }> {}

/**
 * Takes everything back, for the chart's pre-delete hook: programs are detached, then all that the operator has made is
 * deleted. The users' BPFs stay, without our finalizer. Safe to repeat.
 */
export async function uninstall(deps: UninstallDeps, signal: AbortSignal): Promise<void> {
  const { client, namespace, logger } = deps;

  // The running operator would make everything again.
  await takeLease(deps, signal);

  // Nodes let go.
  const revisions = await client.list(bpfRevisions, { transform: trimMetadata, signal });
  for (const { metadata, spec } of revisions.items) {
    if (!spec.active) continue;
    await orGone(client.mergePatch(bpfRevisions, metadata, { spec: { active: false } }, { signal }));
  }
  const left = await untilDetached(deps, signal);
  if (left.length > 0)
    logger.warn({ nodes: left.slice(0, 10), count: left.length }, 'not every node has let go in time');

  // What the operator has made goes; BPFs may go.
  const users = await client.list(bpfs, { transform: trimBpf, signal });
  for (const bpf of users.items.filter(hasFinalizer)) await removeFinalizer(client, bpf, signal);
  for (const { metadata } of revisions.items) await client.delete(bpfRevisions, metadata, { signal });
  const reports = await client.list(bpfNodes, { transform: trimBpfNode, signal });
  for (const { metadata } of reports.items) await client.delete(bpfNodes, metadata, { signal });
  const copies = await client.list(configMapMetadata, { namespace, labelSelector: payloadLabel, signal });
  for (const { metadata } of copies.items) await client.delete(configMapMetadata, metadata, { signal });

  // BPFs that stay do not go on saying that they run.
  for (const bpf of users.items) await writeUninstalled(deps, bpf, signal);
  await takeLease(deps, signal); // ours already; from now on it is kept for whoever uninstalls
  logger.info(
    { revisions: revisions.items.length, bpfNodes: reports.items.length, payloads: copies.items.length },
    'uninstalled',
  );
}

/** The last status that this operator's kind writes. A person who may not let it gets the rest all the same. */
async function writeUninstalled({ client, clock, logger }: UninstallDeps, bpf: BpfObject, signal: AbortSignal) {
  if (bpf.status === undefined) return;
  try {
    const status = uninstalledStatus(bpf.status, clock.now());
    await orGone(patchStatus(client, bpfs, bpf, status, { signal }));
  } catch (error) {
    if (!isKubeError(error, 'Forbidden')) throw error;
    logger.warn({ bpf: keyOf(bpf.metadata), reason: messageOf(error) }, 'cannot write that it runs no more');
  }
}

function uninstalledStatus(status: BpfStatus, nowMs: number): BpfStatus {
  const ready: Verdict<'Ready'> = {
    type: 'Ready',
    status: 'False',
    reason: 'AwaitingNodes',
    message: 'kube-bpf was uninstalled: nothing runs this',
  };
  const nodes = { desired: 0, updated: 0, ready: 0, failed: 0, unknown: 0, summary: '0/0' };
  const { failures: _, ...kept } = status;
  const conditions = conditionsWith(status, [ready], status.observedGeneration ?? 0, nowMs);
  return { ...kept, phase: 'Pending', nodes, conditions };
}

/**
 * The holder of a Lease that another has taken finds out when it renews, and ends; until its renew limit has passed it
 * may still be writing.
 */
async function takeLease(deps: UninstallDeps, signal: AbortSignal): Promise<void> {
  const { client, clock, namespace, leaseName: name, instance, logger } = deps;
  const ref = { namespace, name };
  const identity = `uninstall_${instance}`;
  for (let attempt = 1; attempt <= maxTakeAttempts; attempt++) {
    const old = await client.find(leases, ref, { signal });
    const lease = heldLease(ref, old, { identity, durationMs: holdMs, nowMs: clock.now() });
    try {
      await writeLease(client, old, lease, { deadlineMs: renewLimitMs, signal });
    } catch (error) {
      if (isKubeError(error, 'Conflict', 'AlreadyExists', 'NotFound')) continue;
      throw error;
    }
    const former = old?.spec?.holderIdentity ?? '';
    if (former === '' || former === identity) return;
    logger.info({ former }, 'waiting for the running operator to end');
    return await clock.sleep(renewLimitMs, signal);
  }
  throw new LeaseBusyError('LeaseBusy', `take lease ${name}: changed each time it was written`, { lease: name });
}

/** Names of the nodes that have not let go when the time is up. */
async function untilDetached({ client, clock }: UninstallDeps, signal: AbortSignal): Promise<string[]> {
  const endsAtMs = clock.monotonic() + detachLimitMs;
  for (;;) {
    const left = await holdingNodes(client, signal);
    if (left.length === 0 || clock.monotonic() + askEveryMs >= endsAtMs) return left;
    await clock.sleep(askEveryMs, signal);
  }
}

/** Nodes that are there and ready, whose agent is at work and lists a program. */
async function holdingNodes(client: KubeClient, signal: AbortSignal): Promise<string[]> {
  const cached = { resourceVersion: '0', signal };
  const reports = await client.list(bpfNodes, { ...cached, transform: trimBpfNode });
  const holding = reports.items.filter(({ status }) => (status?.programs ?? []).length > 0);
  if (holding.length === 0) return [];
  const { items } = await client.list(nodes, { ...cached, transform: trimNode });
  const ready = items.filter(({ status }) => status?.conditions?.some(isTrue) === true);
  const uids = new Set(ready.map(({ metadata }) => metadata.uid));
  return holding
    .filter(({ status }) => uids.has(status?.nodeUID ?? '') && status?.conditions?.some(isTrue) === true)
    .map(({ metadata }) => metadata.name);
}

const isTrue = ({ status }: { readonly status: string }): boolean => status === 'True';
