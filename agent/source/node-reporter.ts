import { Backoff } from '../../runtime/backoff.ts';
import { abortable, Deadline } from '../../runtime/cancel.ts';
import type { Clock } from '../../runtime/clock.ts';
import { messageOf } from '../../runtime/errors.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import { isKubeError } from '../../runtime/kube/kube-error.ts';
import { patchStatus } from '../../runtime/kube/status.ts';
import type { Logger } from '../../runtime/logger.ts';
import { type AgentFacts, type KernelFacts, type NodeStatusInput, nodeStatus } from './node-status.ts';
import { type BpfNodeObject, bpfNodes } from './resources.ts';
import type { ProgramReport } from './source.ts';

/** Without any change, the node's status is read again and put right this often. */
const resyncMs = 600_000;
/** While programs are still being loaded the status waits so long, so that one rollout is one write. */
const pendingLimitMs = 2_000;
/** Between two writes. */
const minIntervalMs = 500;
/** The operator makes a BPFNode for each Node, the API server may be away: asked again after such waits. */
const retryBackoff = { minMs: 500, maxMs: 30_000 };
/** The last write of a stopping agent; detaching must not wait for an API server that is away. */
const flushLimitMs = 5_000;

export interface NodeReporterOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeName: string;
  readonly agent: AgentFacts;
  readonly kernel: KernelFacts;
  readonly random?: () => number;
}

export interface NodeReport {
  readonly nodeUID: string | undefined;
  /** The whole list. */
  readonly programs: readonly ProgramReport[];
  /** The write is put off by a random time up to this, since all nodes report at once. */
  readonly jitterMs: number;
}

/** Keeps the status of this node's BPFNode true: one merge patch of what differs, when something does. */
export class NodeReporter {
  readonly #options: NodeReporterOptions;
  #report: NodeReport | undefined;
  /** Programs have all been tried once. */
  #running = false;
  #changed = Promise.withResolvers<void>();
  /** As the server had it last. */
  #node: BpfNodeObject | undefined;
  #writtenAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: NodeReporterOptions) {
    this.#options = options;
  }

  /** What there is to say from now on; `run` writes it. */
  set(report: NodeReport): void {
    // Another Node of the same name has another BPFNode.
    if (report.nodeUID !== this.#report?.nodeUID) this.#node = undefined;
    this.#report = report;
    this.#running ||= !report.programs.some(isPending);
    this.#changed.resolve();
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        // Without a change, read it again: somebody else may have written.
        if (!(await this.#changeWithin(resyncMs, signal))) this.#node = undefined;
        if (this.#report === undefined) continue;
        await this.#hold(this.#report, signal);
        await this.#write(signal);
      }
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    }
  }

  /** One last time, for an agent that stops: what was known, unchanged, and that it stops. Gives up after a while. */
  async flush(signal: AbortSignal): Promise<void> {
    if (this.#report === undefined) return;
    const { clock, logger } = this.#options;
    using deadline = new Deadline(clock, 'flush status', flushLimitMs, signal);
    try {
      await this.#writeOnce(this.#report, 'Stopping', deadline.signal);
    } catch (thrown) {
      logger.warn(`flush status: ${messageOf(thrown)}`);
    }
  }

  /** Until the next change, but no longer than `limitMs`; whether there was one. */
  async #changeWithin(limitMs: number, signal: AbortSignal): Promise<boolean> {
    const limit = Promise.withResolvers<false>();
    using _timer = this.#options.clock.timer(limitMs, () => limit.resolve(false));
    const changed = this.#changed.promise.then(() => true);
    if (!(await abortable(Promise.race([changed, limit.promise]), signal))) return false;
    this.#changed = Promise.withResolvers();
    return true;
  }

  /** Waits for what is under way, for this node's turn, and so as not to write too often. */
  async #hold({ jitterMs }: NodeReport, signal: AbortSignal): Promise<void> {
    const { clock, random = Math.random } = this.#options;
    const endMs = clock.monotonic() + pendingLimitMs;
    while (this.#report?.programs.some(isPending) && clock.monotonic() < endMs) {
      await this.#changeWithin(endMs - clock.monotonic(), signal);
    }
    const restMs = this.#writtenAtMs + minIntervalMs - clock.monotonic();
    await clock.sleep(Math.max(random() * jitterMs, restMs, 0), signal);
  }

  /** Until it is written. What changes meanwhile is written too. */
  async #write(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    const backoff = new Backoff(retryBackoff, this.#options.random);
    while (this.#report !== undefined) {
      try {
        await this.#writeOnce(this.#report, this.#running ? 'Running' : 'Starting', signal);
        this.#writtenAtMs = clock.monotonic();
        return;
      } catch (thrown) {
        signal.throwIfAborted();
        logger.warn(`write status: ${messageOf(thrown)}`);
      }
      await clock.sleep(backoff.nextMs(), signal);
    }
  }

  async #writeOnce(report: NodeReport, phase: NodeStatusInput['phase'], signal: AbortSignal): Promise<void> {
    const { client, clock, nodeName: name, agent, kernel } = this.#options;
    try {
      this.#node ??= await client.get(bpfNodes, { name }, { signal });
      const { nodeUID, programs } = report;
      const input: NodeStatusInput = { nodeUID, agent, kernel, reports: programs, phase };
      const status = nodeStatus(input, this.#node.status?.conditions ?? [], clock.now());
      this.#node = (await patchStatus(client, bpfNodes, this.#node, status, { signal })) ?? this.#node;
    } catch (thrown) {
      // Gone, or made anew with another UID: what we know of it is worth nothing.
      if (isKubeError(thrown, 'NotFound', 'Conflict')) this.#node = undefined;
      throw thrown;
    }
  }
}

const isPending = ({ state }: ProgramReport): boolean => state === 'Pending';
