import { join } from 'node:path';
import type { Registry } from 'prom-client';
import { agentFieldManager } from '../../crds/names.ts';
import type { Clock } from '../../runtime/clock.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import type { KubeObject } from '../../runtime/kube/objects.ts';
import { Reflector } from '../../runtime/kube/reflector.ts';
import { ReflectorMetrics } from '../../runtime/kube/reflector-metrics.ts';
import type { Transport } from '../../runtime/kube/transport.ts';
import type { Logger } from '../../runtime/logger.ts';
import { type Choice, type ChosenRevision, chooseRevisions } from './choose-revisions.ts';
import { NodeReporter } from './node-reporter.ts';
import type { AgentFacts, KernelFacts } from './node-status.ts';
import { PayloadCache } from './payload-cache.ts';
import { PayloadFetch } from './payload-fetch.ts';
import { bpfRevisions, nodeMetadata, type RevisionObject } from './resources.ts';
import { SavedWishes } from './saved-wishes.ts';
import type { ProgramReport, Source, WantedProgram, Wishes } from './source.ts';

export interface KubernetesSourceOptions {
  /** With three connections: two for watches, and one for everything else. Closed by `flush`. */
  readonly transport: Transport;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly nodeName: string;
  /** The instance's own folder: wishes and payloads outlive a restart there. */
  readonly folder: string;
  readonly agent: AgentFacts;
  readonly kernel: KernelFacts;
  /** Told whether the API server is there, when that changes. */
  readonly onConnected?: (connected: boolean) => void;
  readonly random?: () => number;
}

/** Wishes from BPFRevisions, reports to this node's BPFNode. */
export class KubernetesSource implements Source {
  readonly #options: KubernetesSourceOptions;
  readonly #revisions: Reflector<RevisionObject>;
  readonly #node: Reflector<KubeObject>;
  readonly #cache: PayloadCache;
  readonly #payloads: PayloadFetch;
  readonly #saved: SavedWishes;
  readonly #reporter: NodeReporter;
  #connected = false;
  /** What was chosen last from a whole reading of the API; undefined before the first. */
  #choice: Choice | undefined;
  /** The last that was seen of this node: it may be deleted and made again. */
  #self: KubeObject | undefined;
  /** The last list that was about `#choice`. */
  #reports: readonly ProgramReport[] | undefined;
  #updateIsDue = false;

  constructor(options: KubernetesSourceOptions) {
    this.#options = options;
    const { transport, clock, logger, registry, nodeName, folder, random } = options;
    const client = new KubeClient({ transport, fieldManager: agentFieldManager });
    const metrics = new ReflectorMetrics(registry);
    const onConnected = () => this.#noteConnection();
    const common = { client, clock, logger, metrics, onConnected, ...(random !== undefined && { random }) };
    this.#revisions = new Reflector({ ...common, resource: bpfRevisions });
    this.#node = new Reflector({ ...common, resource: nodeMetadata, fieldSelector: `metadata.name=${nodeName}` });
    this.#cache = new PayloadCache(join(folder, 'payloads'), logger);
    this.#payloads = new PayloadFetch(client, this.#cache);
    this.#saved = new SavedWishes(join(folder, 'wishes.json'), logger);
    this.#reporter = new NodeReporter({ ...options, client });
  }

  async run(signal: AbortSignal, onChange: (wishes: Wishes) => void): Promise<void> {
    if (signal.aborted) return;

    // What was wanted when the last agent was here. It may have changed since, so nothing may be unpinned for it yet.
    const saved = this.#saved.read();
    if (saved !== undefined) this.#hand({ chosen: saved, rejected: [], suspended: [] }, false, onChange);

    const due = () => this.#updateSoon(onChange);
    using _revisions = this.#revisions.subscribe(due);
    using _node = this.#node.subscribe(due);
    try {
      this.#revisions.start();
      this.#node.start();
      // An empty collection brings no event.
      await Promise.all([this.#revisions.waitForSync(signal), this.#node.waitForSync(signal)]);
      due();
      await this.#reporter.run(signal);
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    } finally {
      await Promise.all([this.#revisions.stop(), this.#node.stop()]);
    }
  }

  /** A list that is about wishes of before is followed by one that is not, and is passed over. */
  report(reports: readonly ProgramReport[]): void {
    if (this.#choice === undefined || !isAbout(reports, this.#choice.chosen)) return;
    this.#reports = reports;
    this.#sendReports();
  }

  /** The last call: closes the connection to the API server. */
  async flush(signal: AbortSignal): Promise<void> {
    try {
      await this.#reporter.flush(signal);
    } finally {
      this.#options.transport.close();
    }
  }

  #sendReports(): void {
    if (this.#choice === undefined || this.#reports === undefined) return;
    const { chosen, rejected } = this.#choice;
    const unreadable = rejected.flatMap(({ revision, ...rest }): ProgramReport[] =>
      revision === undefined ? [] : [{ ...rest, revision, state: 'Failed' }],
    );
    this.#reporter.set({
      nodeUID: this.#self?.metadata.uid,
      programs: [...this.#reports, ...unreadable],
      jitterMs: Math.max(0, ...chosen.map(({ object }) => object.spec.jitterMs)),
    });
  }

  /** Once per turn of the event loop, however many objects a list brings. */
  #updateSoon(onChange: (wishes: Wishes) => void): void {
    if (this.#updateIsDue) return;
    this.#updateIsDue = true;
    queueMicrotask(() => {
      this.#updateIsDue = false;
      this.#update(onChange);
    });
  }

  #update(onChange: (wishes: Wishes) => void): void {
    // Half of what is to be known would read as if the rest had been deleted.
    if (!this.#revisions.synced || !this.#node.synced) return;
    const { nodeName, logger } = this.#options;
    const before = this.#self;
    this.#self = this.#node.store.get(nodeName) ?? before;
    if (before !== undefined && this.#self?.metadata.uid !== before.metadata.uid) this.#sendReports();
    if (this.#self === undefined) {
      logger.error({ node: nodeName }, 'there is no Node of this name: nothing can be wanted here [--node-name]');
      return;
    }
    const { labels = {} } = this.#self.metadata;
    const choice = chooseRevisions(this.#revisions.store.list(), { name: nodeName, labels });
    if (this.#choice !== undefined && sameChoice(choice, this.#choice)) return;
    for (const { ref, message } of choice.rejected) logger.error({ bpf: ref }, message);
    this.#choice = choice;
    this.#saved.write(choice.chosen);
    this.#hand(choice, true, onChange);
  }

  #hand({ chosen, rejected, suspended }: Choice, complete: boolean, onChange: (wishes: Wishes) => void): void {
    this.#cache.keep(chosen.map(({ object }) => object.spec.payload.sha256));
    onChange({ wanted: chosen.map((revision) => this.#wish(revision)), rejected, suspended, problems: 0, complete });
  }

  #wish({ ref, namespace, revision, object }: ChosenRevision): WantedProgram {
    const { bpf, payload, template } = object.spec;
    const { name, uid, createdAt } = bpf;
    const fetch = (signal: AbortSignal) => this.#payloads.fetch(ref, payload, signal);
    return { ref, namespace, name, uid, createdAt, revision, payload, template, fetch };
  }

  #noteConnection(): void {
    const connected = this.#revisions.connected && this.#node.connected;
    if (connected === this.#connected) return;
    this.#connected = connected;
    this.#options.onConnected?.(connected);
  }
}

const isAbout = (reports: readonly ProgramReport[], chosen: readonly ChosenRevision[]): boolean =>
  reports.length === chosen.length &&
  reports.every(({ ref, revision }, i) => ref === chosen[i]?.ref && revision === chosen[i]?.revision);

/** Another sequence or generation of the same content is nothing to act on; a node's delay is. */
const sameChoice = (a: Choice, b: Choice): boolean => identityOf(a) === identityOf(b);

const identityOf = ({ chosen, rejected, suspended }: Choice): string =>
  JSON.stringify([
    suspended,
    chosen.map(({ ref, revision, object }) => [ref, revision, object.spec.bpf.uid, object.spec.jitterMs]),
    rejected.map(({ ref, message }) => [ref, message]),
  ]);
