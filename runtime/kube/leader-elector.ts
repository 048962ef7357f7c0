import type { Gauge } from 'prom-client';
import { LinkedAbort } from '../cancel.ts';
import type { Clock } from '../clock.ts';
import { CodedError, messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { KubeClient } from './client.ts';
import { isKubeError } from './kube-error.ts';
import { heldLease, type Lease, leases, releasedLease, writeLease } from './lease.ts';
import type { ObjectRef } from './objects.ts';

export interface LeaderElectorOptions {
  /** Without a `fence` of this elector: the Lease is written by those who do not lead. */
  readonly client: KubeClient;
  readonly namespace: string;
  readonly name: string;
  /** Unique to this process: Pod name and something random. */
  readonly identity: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** 1 while leading: `leaderGauge`. */
  readonly gauge: Gauge<'name'>;
  /** Runs while leading, and ends the process when its event loop stands still for longer than it is told. */
  readonly watchdog: (limitMs: number) => Disposable;
  /** 15 s, 10 s and 2 s by default, as Kubernetes' own components. */
  readonly leaseDurationMs?: number;
  readonly renewLimitMs?: number;
  readonly retryMs?: number;
  readonly random?: () => number;
}

/** Somebody else may be leading by now; what was about to be written must not be. */
export class NotLeadingError extends CodedError<'NotLeading', { lease: string }> {}

const defaults = { leaseDurationMs: 15_000, renewLimitMs: 10_000, retryMs: 2_000 };
/** client-go's JitterFactor: those who wait do not ask in step. */
const jitterFactor = 1.2;

/**
 * At most one of those with the same Lease leads at a time, as far as a Lease can promise. Times in the Lease are for
 * people: clocks of machines differ, so its age is counted from when this process saw it change.
 */
export class LeaderElector {
  readonly #options: LeaderElectorOptions;
  readonly #ref: ObjectRef;
  readonly #leaseDurationMs: number;
  readonly #renewLimitMs: number;
  readonly #retryMs: number;
  #observed: Observation | undefined;
  /** Monotonic; when the request of the last successful renewal was sent. Undefined while not leading. */
  #renewedAtMs: number | undefined;

  constructor(options: LeaderElectorOptions) {
    this.#options = options;
    this.#ref = { namespace: options.namespace, name: options.name };
    this.#leaseDurationMs = options.leaseDurationMs ?? defaults.leaseDurationMs;
    this.#renewLimitMs = options.renewLimitMs ?? defaults.renewLimitMs;
    this.#retryMs = options.retryMs ?? defaults.retryMs;
    options.gauge.set({ name: options.name }, 0);
  }

  /**
   * Waits for the Lease, then runs `lead`, whose signal aborts when the Lease could not be renewed or `signal` aborts.
   * 'stopped': `signal` aborted, or `lead` returned; the Lease was given back. 'lost': the process should exit, since
   * what it knows may be out of date. Throws what `lead` throws, the Lease given back.
   */
  async run(signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): Promise<'stopped' | 'lost'> {
    if (!(await this.#acquire(signal))) return 'stopped';
    const { gauge, logger, name, identity } = this.#options;
    logger.info({ lease: name, identity }, 'leading');
    gauge.set({ name }, 1);
    using term = new LinkedAbort(signal);
    using renewing = new LinkedAbort();
    using _watchdog = this.#options.watchdog(this.#renewLimitMs);
    const renewals = this.#renewUntil(renewing.signal).then((end) => {
      if (end === 'lost') term.abort(new NotLeadingError('NotLeading', `lease ${name}: lost`, { lease: name }));
      return end;
    });
    let end: 'stopped' | 'lost' = 'stopped';
    try {
      await lead(term.signal);
    } finally {
      renewing.abort(undefined);
      end = await renewals;
      gauge.set({ name }, 0);
      if (end === 'stopped') await this.#release();
      this.#renewedAtMs = undefined;
    }
    return end;
  }

  /** By our own clock, right now: the last renewal is younger than the renew limit. */
  get leading(): boolean {
    if (this.#renewedAtMs === undefined) return false;
    return this.#options.clock.monotonic() - this.#renewedAtMs < this.#renewLimitMs;
  }

  /** For KubeClientOptions.fence: throws when not leading. */
  assertLeading(): void {
    const { name } = this.#options;
    if (!this.leading) throw new NotLeadingError('NotLeading', `write: lease ${name} is not held`, { lease: name });
  }

  /** True with the Lease in hand; false when the signal aborts first. */
  async #acquire(signal: AbortSignal): Promise<boolean> {
    const { clock, logger, name, random = Math.random } = this.#options;
    while (!signal.aborted) {
      try {
        if (await this.#tryOnce(signal)) return true;
      } catch (error) {
        if (!signal.aborted) logger.warn({ lease: name, reason: messageOf(error) }, 'cannot acquire the lease');
      }
      await clock.sleep(this.#retryMs * (1 + jitterFactor * random()), signal).catch(ignoreAbort);
    }
    return false;
  }

  /** Renews every `retryMs`, until the signal aborts or the Lease is lost. */
  async #renewUntil(signal: AbortSignal): Promise<'stopped' | 'lost'> {
    const { clock, logger, name } = this.#options;
    for (;;) {
      await clock.sleep(this.#retryMs, signal).catch(ignoreAbort);
      if (signal.aborted) return this.leading ? 'stopped' : 'lost';
      try {
        if (!(await this.#tryOnce(undefined))) {
          logger.error({ lease: name, holder: this.#observed?.lease.spec?.holderIdentity }, 'lease taken by another');
          this.#renewedAtMs = undefined;
          return 'lost';
        }
      } catch (error) {
        logger.warn({ lease: name, reason: messageOf(error) }, 'cannot renew the lease');
      }
      if (!this.leading) {
        logger.error({ lease: name }, 'lease not renewed in time');
        this.#renewedAtMs = undefined;
        return 'lost';
      }
    }
  }

  /** Takes or renews the Lease; false when somebody else holds it. Throws when it cannot be said. */
  async #tryOnce(signal: AbortSignal | undefined): Promise<boolean> {
    const { client, clock, identity } = this.#options;
    const call = { deadlineMs: this.#attemptLimitMs(), ...(signal === undefined ? {} : { signal }) };
    // The holder knows what it wrote last and need not read it again, unless writing on top of it is refused.
    let old = this.#renewedAtMs === undefined ? undefined : this.#observed?.lease;
    for (let attempt = 0; ; attempt++) {
      old ??= await client.find(leases, this.#ref, { ...call, retry: 'never' });
      if (old !== undefined) this.#observe(old);
      // A Lease that somebody deleted is not one that was given back: who held it will make it anew at its next renewal.
      if (this.#heldByAnother()) return false;
      const startedAtMs = clock.monotonic();
      const lease = heldLease(this.#ref, old, { identity, durationMs: this.#leaseDurationMs, nowMs: clock.now() });
      try {
        const written = await writeLease(client, old, lease, call);
        this.#observed = { lease: written, seenAtMs: startedAtMs };
        this.#renewedAtMs = startedAtMs;
        return true;
      } catch (error) {
        // Changed, made or deleted by somebody meanwhile: read it and decide anew, once.
        if (attempt > 0 || !isKubeError(error, 'Conflict', 'AlreadyExists', 'NotFound')) throw error;
        old = undefined;
      }
    }
  }

  /** Counts the Lease's age from the first time that it was seen as it is now. */
  #observe(lease: Lease): void {
    if (this.#observed !== undefined && sameRecord(this.#observed.lease, lease)) return;
    this.#observed = { lease, seenAtMs: this.#options.clock.monotonic() };
  }

  /** As last seen: somebody else's, and renewed within its duration. */
  #heldByAnother(): boolean {
    const { clock, identity } = this.#options;
    if (this.#observed === undefined) return false;
    const { holderIdentity = '', leaseDurationSeconds } = this.#observed.lease.spec ?? {};
    if (holderIdentity === '' || holderIdentity === identity) return false;
    const durationMs = leaseDurationSeconds === undefined ? this.#leaseDurationMs : leaseDurationSeconds * 1000;
    return clock.monotonic() - this.#observed.seenAtMs < durationMs;
  }

  /** Best effort: unreleased, the Lease runs out by itself. */
  async #release(): Promise<void> {
    const { client, clock, logger, name } = this.#options;
    const old = this.#observed?.lease;
    if (old?.spec?.holderIdentity !== this.#options.identity) return;
    try {
      await writeLease(client, old, releasedLease(this.#ref, old, clock.now()), { deadlineMs: this.#retryMs });
      logger.info({ lease: name }, 'lease released');
    } catch (error) {
      logger.warn({ lease: name, reason: messageOf(error) }, 'cannot release the lease');
    }
  }

  /** Two attempts, one after the other, still fit between a renewal and the limit. */
  #attemptLimitMs(): number {
    return (this.#renewLimitMs - this.#retryMs) / 2;
  }
}

interface Observation {
  readonly lease: Lease;
  /** Monotonic. */
  readonly seenAtMs: number;
}

/** Any write to the record is a sign of life; labels and annotations of the object are not. */
function sameRecord(a: Lease, b: Lease): boolean {
  return JSON.stringify(a.spec) === JSON.stringify(b.spec) && a.metadata.uid === b.metadata.uid;
}

/** The loop looks at the signal itself. */
function ignoreAbort(): void {}
