import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { messageOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Pins } from '../kernel/pins.ts';
import type { ProgramReport, WantedProgram, Wishes } from '../source/source.ts';
import { explain, type Failure, tellOff } from './failure.ts';
import type { LastGood } from './last-good.ts';
import type { Loaded } from './load.ts';
import { MetricWarnings } from './metric-warnings.ts';
import { type LoadObserver, type MetricsSink, type Running, warningOf } from './running.ts';
import { type StartDeps, start } from './start.ts';
import { type Attacher, attachAll, detachAll, SwapRefused, swap } from './swap.ts';

/** A load that failed for a reason that may pass is tried again after this. */
const retryLimits = { minMs: 1_000, maxMs: 300_000 };
/** Without any change, wanted and loaded are compared this often. */
const resyncMs = 600_000;

/** `load` is that of `load.ts` on a real kernel. */
export interface ReconcilerDeps extends StartDeps {
  /** Undefined where this host has no bpffs. */
  readonly pins: Pick<Pins, 'remove' | 'sweep'> | undefined;
  /** What ran before this process, for where its successor is refused. */
  readonly lastGood: Pick<LastGood, 'remember' | 'recall' | 'sweep'>;
  readonly attacher: Attacher;
  readonly metrics: MetricsSink;
  readonly observer: LoadObserver;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Jitter of the retries, in [0, 1). */
  readonly random?: () => number;
  /** The whole list, after every change. */
  readonly onReport: (reports: readonly ProgramReport[]) => void;
}

/** What a wish came to, when it did not come to run. */
interface Failed {
  readonly uid: string;
  readonly revision: string;
  readonly failure: Failure;
  readonly backoff: Backoff;
  /** On the monotonic clock; Infinity: not before the wish changes. */
  readonly retryAtMs: number;
}

/**
 * Makes the kernel match the wishes: what is not wanted is unloaded, what is wanted is loaded beside what runs for it and
 * then takes its place. One load at a time; a wish that fails hurts no other, and what ran for it before goes on.
 */
export class Reconciler {
  readonly #deps: ReconcilerDeps;
  readonly #metricWarnings: MetricWarnings;
  readonly #running = new Map<string, Running>();
  readonly #failed = new Map<string, Failed>();
  /** When each BPF was served last, counted in turns. */
  readonly #turns = new Map<string, number>();
  #turn = 0;
  /** BPFs whose last good revision was looked for already. */
  readonly #resumed = new Set<string>();
  #wishes: Wishes | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps;
    this.#metricWarnings = new MetricWarnings(deps.metrics, deps.logger);
  }

  /** Takes the whole of what is wanted from now on; `run` acts on it. */
  apply(wishes: Wishes): void {
    this.#wishes = wishes;
    this.#changed.resolve();
  }

  /** Compares and reports again; for what changed here, such as what the metrics sink has to say. */
  recheck(): void {
    this.#changed.resolve();
  }

  /** What runs now, by ref. */
  get running(): ReadonlyMap<string, Running> {
    return this.#running;
  }

  /** Runs until the signal aborts, then detaches and unloads everything; pins stay for the next agent. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        this.#changed = Promise.withResolvers();
        const wishes = this.#wishes;
        if (wishes !== undefined) await this.#reconcile(wishes, signal);
        await this.#pause(signal);
      }
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    } finally {
      for (const running of this.#running.values()) this.#unload(running);
      this.#running.clear();
    }
  }

  /** From what is wanted to what runs. Ends early when the wishes change meanwhile. */
  async #reconcile(wishes: Wishes, signal: AbortSignal): Promise<void> {
    // Out with what nobody wants, its pins too. A source that could not be read whole proves nothing.
    if (wishes.complete) {
      const keep = new Set([...wishes.wanted, ...wishes.rejected].map(({ ref }) => ref));
      for (const [ref, running] of this.#running) {
        if (!keep.has(ref)) this.#remove(ref, running, wishes.suspended.includes(running.wish.uid));
      }
      for (const known of [this.#failed, this.#turns]) {
        for (const ref of known.keys()) if (!keep.has(ref)) known.delete(ref);
      }
      this.#sweep(wishes);
    }
    this.#report(wishes);
    for (const { ref } of wishes.rejected) {
      if (await this.#resume(ref, undefined, signal)) this.#report(wishes);
    }

    // In with what is wanted, one after the other; who was served longest ago goes first, since one BPF that is edited
    // again and again must not keep the others waiting.
    const turn = ({ ref }: WantedProgram): number => this.#turns.get(ref) ?? 0;
    for (const wish of wishes.wanted.toSorted((a, b) => turn(a) - turn(b))) {
      if (signal.aborted || this.#wishes !== wishes) return;
      if (!this.#due(wish)) continue;
      this.#turns.set(wish.ref, ++this.#turn);
      await this.#replace(wish, signal);
      this.#report(wishes);
    }
  }

  #due(wish: WantedProgram): boolean {
    const running = this.#running.get(wish.ref)?.wish;
    if (running?.revision === wish.revision && running.uid === wish.uid) {
      this.#failed.delete(wish.ref);
      return false;
    }
    const failed = this.#failed.get(wish.ref);
    if (failed === undefined || failed.revision !== wish.revision || failed.uid !== wish.uid) return true;
    return this.#deps.clock.monotonic() >= failed.retryAtMs;
  }

  async #replace(wish: WantedProgram, signal: AbortSignal): Promise<void> {
    const { clock, logger, observer } = this.#deps;
    const startMs = clock.monotonic();
    try {
      const loaded = await start(this.#deps, wish, signal, (next) => this.#swap(wish, next));
      this.#failed.delete(wish.ref);
      this.#deps.lastGood.remember(wish, loaded.bytes);
      observer.loaded('success', clock.monotonic() - startMs);
      const programs = loaded.object.programs.length;
      const { notes } = loaded.plan;
      logger.info({ bpf: wish.ref, revision: wish.revision, programs, ...(notes.length > 0 && { notes }) }, 'loaded');
      const off = Array.from(loaded.refused, ([program, failure]) => tellOff(program, failure));
      for (const warning of [...loaded.warnings, ...off]) logger.warn({ bpf: wish.ref }, warning);
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      observer.loaded('failure', clock.monotonic() - startMs);
      this.#fail(wish, thrown);
      await this.#resume(wish.ref, wish, signal);
    }
  }

  /**
   * Where nothing runs for a BPF whose wanted revision was refused (`refused`; undefined: it cannot even be said what is
   * wanted), the one that ran before this process is put back, once. Returns whether it was.
   */
  async #resume(ref: string, refused: WantedProgram | undefined, signal: AbortSignal): Promise<boolean> {
    if (this.#running.has(ref) || this.#resumed.has(ref) || signal.aborted) return false;
    this.#resumed.add(ref);
    const before = this.#deps.lastGood.recall(ref);
    if (before === undefined || before.revision === refused?.revision) return false;
    if (refused !== undefined && before.uid !== refused.uid) return false;
    const facts = { bpf: ref, revision: before.revision };
    try {
      await start(this.#deps, before, signal, (loaded) => this.#swap(before, loaded));
      this.#deps.logger.info(facts, 'the last good revision goes on');
      return true;
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      this.#deps.logger.warn(facts, `the last good revision cannot go on: ${explain(thrown, this.#deps.host).message}`);
      return false;
    }
  }

  /**
   * Puts the loaded object in the place of what runs, in one turn of the event loop. Owns the object unless it throws, so
   * nothing throws once it is attached.
   */
  #swap(wish: WantedProgram, { object, plan, pinPaths, refused }: Loaded): void {
    const { attacher, metrics } = this.#deps;
    const old = this.#running.get(wish.ref);
    const attachments = old === undefined ? attachAll(attacher, object) : this.#swapOld(old, object, pinPaths);
    const running: Running = { wish, plan, object, attachments, pinPaths, refused };
    this.#running.set(wish.ref, running);
    metrics.add(running);
    old?.object[Symbol.dispose]();
    if (old !== undefined && old.wish.uid !== wish.uid) this.#unpin(old.wish.uid);
    // Not only what `old` pinned: an agent before us, or a revision that could not be attached, may have left other layouts.
    this.#unpin(wish.uid, pinPaths);
  }

  #swapOld(old: Running, object: Loaded['object'], pinPaths: ReadonlySet<string>) {
    const shareMaps = !old.pinPaths.isDisjointFrom(pinPaths);
    try {
      return swap(this.#deps.attacher, old, object, shareMaps);
    } catch (thrown) {
      if (!(thrown instanceof SwapRefused)) throw thrown;
      this.#running.set(old.wish.ref, { ...old, attachments: thrown.attachments });
      throw thrown.cause;
    }
  }

  #fail(wish: WantedProgram, thrown: unknown): void {
    const { clock, host, logger } = this.#deps;
    const failure = explain(thrown, host);
    const before = this.#failed.get(wish.ref);
    const same = before?.revision === wish.revision && before.uid === wish.uid;
    const backoff = same ? before.backoff : new Backoff(retryLimits, this.#deps.random);
    const retryAtMs = failure.transient ? clock.monotonic() + backoff.nextMs() : Number.POSITIVE_INFINITY;
    this.#failed.set(wish.ref, { uid: wish.uid, revision: wish.revision, failure, backoff, retryAtMs });
    const running = this.#running.get(wish.ref)?.wish.revision;
    const level = same && before.failure.message === failure.message ? 'debug' : 'warn';
    logger[level]({ bpf: wish.ref, revision: wish.revision, reason: failure.reason, running }, failure.message);
  }

  #remove(ref: string, running: Running, keepPins: boolean): void {
    this.#running.delete(ref);
    this.#unload(running);
    if (!keepPins) this.#unpin(running.wish.uid);
    this.#deps.logger.info({ bpf: ref, revision: running.wish.revision }, 'unloaded');
  }

  #unload(running: Running): void {
    this.#deps.metrics.remove(running.wish.ref);
    detachAll(running.attachments);
    running.object[Symbol.dispose]();
  }

  /** What is left of BPFs that went, also while no agent ran. */
  #sweep(wishes: Wishes): void {
    const refs = new Set([...wishes.wanted, ...wishes.rejected].map(({ ref }) => ref));
    this.#deps.lastGood.sweep((ref, uid) => refs.has(ref) || wishes.suspended.includes(uid));
    for (const ref of this.#resumed) if (!refs.has(ref)) this.#resumed.delete(ref);
    // A rejected BPF's uid is not known here, so with one no pin is swept.
    if (wishes.rejected.length > 0) return;
    const uids = [...wishes.wanted.map(({ uid }) => uid), ...wishes.suspended];
    try {
      for (const uid of this.#deps.pins?.sweep(uids) ?? [])
        this.#deps.logger.info({ uid }, 'unpinned maps of a BPF that is gone');
    } catch (thrown) {
      this.#deps.logger.warn(`unpin maps of BPFs that are gone: ${messageOf(thrown)}`);
    }
  }

  /** Removes the pins of a BPF but those to keep. What cannot be removed is memory, and no reason to stop; a sweep comes again. */
  #unpin(uid: string, keep?: ReadonlySet<string>): void {
    try {
      this.#deps.pins?.remove(uid, keep);
    } catch (thrown) {
      this.#deps.logger.warn({ uid }, `unpin maps of a BPF: ${messageOf(thrown)}`);
    }
  }

  #report(wishes: Wishes): void {
    const reports = wishes.wanted.map(({ ref, revision, uid }): ProgramReport => {
      const running = this.#running.get(ref);
      if (running?.wish.revision === revision && running.wish.uid === uid) {
        const { metrics } = this.#deps;
        return { ref, revision, state: 'Ready', ...warningOf(running, metrics.conflict(ref), metrics.limited(ref)) };
      }
      const failed = this.#failed.get(ref);
      if (failed?.revision !== revision || failed.uid !== uid) return { ref, revision, state: 'Pending' };
      const { reason, message } = failed.failure;
      const goesOn = running === undefined ? '' : ` (revision ${running.wish.revision} goes on)`;
      return { ref, revision, state: 'Failed', reason, message: message + goesOn };
    });
    this.#metricWarnings.update(this.#running.keys());
    this.#deps.onReport(reports);
  }

  /** Until the wishes change, a retry is due, or it is time to compare again. */
  async #pause(signal: AbortSignal): Promise<void> {
    const nowMs = this.#deps.clock.monotonic();
    const retriesMs = (this.#wishes?.wanted ?? []).map(
      ({ ref }) => (this.#failed.get(ref)?.retryAtMs ?? Infinity) - nowMs,
    );
    const wake = new AbortController();
    const sleep = this.#deps.clock.sleep(
      Math.max(0, Math.min(resyncMs, ...retriesMs)),
      AbortSignal.any([signal, wake.signal]),
    );
    try {
      await Promise.race([sleep, this.#changed.promise]);
    } finally {
      wake.abort();
      await sleep.catch(() => undefined); // ended by us, or by the signal, which the caller looks at
    }
  }
}
