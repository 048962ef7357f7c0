import { revisionHash, revisionName } from '../../bpf/revision/identity.ts';
import type { PayloadDeps } from '../../bpf/revision/read-payload.ts';
import { payloadConfigMapName } from '../../crds/names.ts';
import type { EventRecorder } from '../../runtime/kube/events.ts';
import { isKubeError } from '../../runtime/kube/kube-error.ts';
import { done, type Result } from '../../runtime/kube/result.ts';
import type { BpfRecord, WantedRevision } from '../status/record.ts';
import type { Tally } from '../status/tally.ts';
import { regardingOf } from '../watch/keys.ts';
import type { BpfObject, RevisionObject } from '../watch/resources.ts';
import { addFinalizer, type DetachDeps, detach, hasFinalizer } from './finalizer.ts';
import type { ObjectSource, Resolved } from './object-source.ts';
import type { PayloadStore } from './payload-store.ts';
import { activeRevision } from './plan-revisions.ts';
import { type RollOutDeps, rollOut } from './roll-out.ts';

export interface BpfReconcilerDeps extends DetachDeps, RollOutDeps {
  readonly bpfs: { get(key: string): BpfObject | undefined };
  readonly objects: ObjectSource;
  readonly payloads: PayloadStore;
  readonly tally: Tally;
  readonly records: Map<string, BpfRecord>;
  readonly sha256: PayloadDeps['sha256'];
  readonly namespace: string;
  readonly events: EventRecorder;
  /** There is something new to say about this BPF. */
  readonly changed: (key: string) => void;
}

/** From what a BPF says to what nodes are told. */
export class BpfReconciler {
  readonly #deps: BpfReconcilerDeps;
  /** BPFs that are being deleted, and when that was first seen; monotonic. */
  readonly #deleted = new Map<string, { readonly uid: string; readonly sinceMs: number }>();

  constructor(deps: BpfReconcilerDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Result> {
    const bpf = this.#deps.bpfs.get(key);
    if (bpf === undefined) return this.#forget(key);
    try {
      if (bpf.metadata.deletionTimestamp !== undefined) return await this.#terminate(key, bpf, signal);
      return await this.#rollOut(key, bpf, signal);
    } catch (error) {
      this.#tell(bpf, error);
      throw error;
    }
  }

  async #rollOut(key: string, bpf: BpfObject, signal: AbortSignal): Promise<Result> {
    const { client, objects, payloads, tally } = this.#deps;
    if (!hasFinalizer(bpf)) await addFinalizer(client, bpf, signal);

    // The object: what it is, or why it cannot be run.
    const { resolved, stored } = await objects.resolve(bpf, (sha256) => payloads.isPinned(sha256), signal);

    // A copy that cannot change under the nodes that read it.
    if (resolved.ok && stored !== undefined) await payloads.pin(resolved.payload.sha256, stored, signal);

    // What nodes are to run. Of a BPF that makes no sense, what runs goes on.
    const wanted = resolved.ok ? this.#wantedOf(bpf, resolved) : undefined;
    const revisions = await rollOut(this.#deps, { bpf, wanted, nodeCount: tally.nodes.size }, signal);
    const active = activeRevision(bpf, revisions);

    // Counters, and status, are about that.
    const revision = active && digitsOf(active);
    tally.setWish({ ref: key, revision, selection: active?.spec.selector ?? {} });
    this.#record(key, bpf, resolved, wanted ?? (active && wantedFrom(active)));
    return done;
  }

  /** Deletion, which works without the ConfigMap, the copy and a namespace that takes anything new. */
  async #terminate(key: string, bpf: BpfObject, signal: AbortSignal): Promise<Result> {
    const { tally, records, revisionsOf, clock, changed } = this.#deps;
    const nowMs = clock.monotonic();
    const { uid, generation = 0 } = bpf.metadata;
    const known = this.#deleted.get(key);
    const deleted = known?.uid === uid ? known : { uid, sinceMs: nowMs };
    this.#deleted.set(key, deleted);

    tally.setWish({ ref: key, revision: undefined, selection: {} });
    records.set(key, { uid, generation, terminating: true });
    changed(key);
    if (!hasFinalizer(bpf)) return done; // somebody else's finalizer holds it
    const listed = tally.counts(key)?.listed ?? 0;
    return detach(this.#deps, bpf, { revisions: revisionsOf(bpf), listed, seenMs: nowMs - deleted.sinceMs }, signal);
  }

  /** What the API server refuses (a quota, a policy, a right that is missing) will not pass by itself: a person must know. */
  #tell(bpf: BpfObject, error: unknown): void {
    if (!isKubeError(error, 'Forbidden', 'Invalid', 'TooLarge', 'BadRequest')) return;
    const draft = { type: 'Warning', reason: 'ReconcileFailed', action: 'Reconcile', note: error.message } as const;
    this.#deps.events.record({ regarding: regardingOf(bpf), ...draft });
  }

  #wantedOf(bpf: BpfObject, { payload, template }: Extract<Resolved, { ok: true }>) {
    const { sha256, namespace } = this.#deps;
    const configMap = { namespace, name: payloadConfigMapName(payload.sha256) };
    const pinned = { ...payload, configMap };
    const hash = revisionHash({ uid: bpf.metadata.uid, payload: pinned, template }, sha256);
    return { name: revisionName(bpf.metadata.name, hash), revision: hash, payload: pinned, template };
  }

  #record(key: string, bpf: BpfObject, resolved: Resolved, wanted: WantedRevision | undefined): void {
    const { uid, generation = 0 } = bpf.metadata;
    this.#deps.records.set(key, {
      uid,
      generation,
      terminating: false,
      suspended: bpf.spec.suspend,
      acceptance: resolved.ok
        ? { accepted: true, programs: resolved.programs, warnings: resolved.warnings }
        : { accepted: false, reason: resolved.reason, message: resolved.message },
      wanted: wanted && { revision: wanted.revision, payload: payloadOf(wanted) },
    });
    this.#deps.changed(key);
  }

  #forget(key: string): Result {
    const { objects, tally, records, changed } = this.#deps;
    objects.forget(key);
    tally.dropWish(key);
    records.delete(key);
    this.#deleted.delete(key);
    changed(key);
    return done;
  }
}

/** The hash in a revision's name. */
const digitsOf = ({ metadata, spec }: RevisionObject): string => metadata.name.slice(spec.bpf.name.length + 1);

const wantedFrom = (revision: RevisionObject): WantedRevision => ({
  revision: digitsOf(revision),
  payload: revision.spec.payload,
});

const payloadOf = ({ payload: { sha256, sizeBytes } }: WantedRevision): WantedRevision['payload'] => ({
  sha256,
  sizeBytes,
});
