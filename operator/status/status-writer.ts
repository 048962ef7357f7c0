import type { Clock } from '../../runtime/clock.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import type { EventRecorder } from '../../runtime/kube/events.ts';
import { isNewerVersion } from '../../runtime/kube/resource-version.ts';
import { done, type Result, requeueAfter } from '../../runtime/kube/result.ts';
import { applyStatus, mergePatchBetween } from '../../runtime/kube/status.ts';
import type { OperatorMetrics } from '../metrics.ts';
import { orGone } from '../reconcile/or-gone.ts';
import { regardingOf } from '../watch/keys.ts';
import { type BpfObject, bpfs } from '../watch/resources.ts';
import { bpfStatusOf } from './bpf-status.ts';
import { eventsBetween } from './events-between.ts';
import { Pace } from './pace.ts';
import type { BpfRecord } from './record.ts';
import type { Tally } from './tally.ts';

export interface StatusWriterDeps {
  readonly client: KubeClient;
  readonly bpfs: { get(key: string): BpfObject | undefined };
  readonly records: ReadonlyMap<string, BpfRecord>;
  readonly tally: Tally;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly metrics: OperatorMetrics;
}

/** Writes the status of BPFs, whoever found out something new about them: one writer, one diff, one pace. */
export class StatusWriter {
  readonly #deps: StatusWriterDeps;
  readonly #pace: Pace;
  /** What the API server answered to the last write, until the watch has caught up with it. */
  readonly #written = new Map<string, BpfObject>();

  constructor(deps: StatusWriterDeps) {
    this.#deps = deps;
    this.#pace = new Pace(deps.clock);
  }

  /** One BPF's status: computed, compared, and written when it differs and its time has come. */
  async reconcile(key: string, signal: AbortSignal): Promise<Result> {
    const { client, records, tally, events, clock, metrics } = this.#deps;

    // The BPF as we last wrote it, or as somebody has changed it since.
    const bpf = this.#newest(key);
    const record = records.get(key);
    if (bpf === undefined || record === undefined) return this.#forget(key);
    if (record.uid !== bpf.metadata.uid) return done; // its own reconcile is about to come

    // What it should say. Nothing to write is the usual case.
    const status = bpfStatusOf({ record, counts: tally.counts(key), base: bpf.status, nowMs: clock.now() });
    if (mergePatchBetween(bpf.status ?? {}, status) === undefined) return done;

    // Not too often.
    const delayMs = this.#pace.take(key);
    if (delayMs > 0) return requeueAfter(delayMs);

    const written = await orGone(applyStatus(client, bpfs, bpf, status, { signal }));
    if (written === undefined) return done; // deleted meanwhile, as the watch is about to say
    metrics.statusWrites.inc();
    this.#written.set(key, written);
    const regarding = regardingOf(bpf);
    for (const text of eventsBetween(bpf.status, status)) events.record({ regarding, ...text });

    // The first status of a generation never says Ready; what it says next may be true already.
    return bpf.status?.observedGeneration === status.observedGeneration ? done : requeueAfter(0);
  }

  #newest(key: string): BpfObject | undefined {
    const seen = this.#deps.bpfs.get(key);
    const written = this.#written.get(key);
    if (seen === undefined || written === undefined) return seen;
    const ours = written.metadata.uid === seen.metadata.uid;
    if (ours && isNewerVersion(written.metadata.resourceVersion, seen.metadata.resourceVersion)) return written;
    this.#written.delete(key);
    return seen;
  }

  #forget(key: string): Result {
    this.#pace.forget(key);
    this.#written.delete(key);
    return done;
  }
}
