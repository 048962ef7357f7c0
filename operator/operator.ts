import type { Registry } from 'prom-client';
import type { Clock } from '../runtime/clock.ts';
import type { KubeClient } from '../runtime/kube/client.ts';
import { Controller, type ControllerOptions } from '../runtime/kube/controller.ts';
import { ControllerMetrics } from '../runtime/kube/controller-metrics.ts';
import type { EventRecorder } from '../runtime/kube/events.ts';
import { keyOf, type ObjectRef } from '../runtime/kube/objects.ts';
import { WorkQueue } from '../runtime/kube/queue.ts';
import { QueueMetrics } from '../runtime/kube/queue-metrics.ts';
import type { Logger } from '../runtime/logger.ts';
import { removeDaemonSets } from './agents/daemon-set.ts';
import { ownDeployment } from './agents/deployment.ts';
import { registerGauges } from './gauges.ts';
import type { OperatorMetrics } from './metrics.ts';
import { type ControllerName, controllerNames, makeReconcilers, type Reconcilers } from './reconcilers.ts';
import { recountForever } from './status/recount.ts';
import { allOf, type Caches, makeCaches } from './watch/caches.ts';
import { connect } from './watch/connect.ts';

export interface OperatorOptions {
  /** Fenced by the Lease. */
  readonly client: KubeClient;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly metrics: OperatorMetrics;
  readonly namespace: string;
  readonly watchNamespaces: readonly string[];
  /** Undefined: agents are started by somebody else. */
  readonly agentTemplate: string | undefined;
  /** The Pod this runs in, if it does. */
  readonly pod: ObjectRef | undefined;
}

/** Reconciles at once, by how long each waits for the API server and how many there may be. */
const workers: Readonly<Record<ControllerName, number>> = { bpf: 4, node: 8, status: 2, payload: 1, agents: 1 };

type Work = Pick<ControllerOptions, 'reconcile'> & Required<Pick<ControllerOptions, 'allKeys'>>;

/** What a leader does. It is made once per process, since its metrics are. */
export class Operator {
  readonly #options: OperatorOptions;
  readonly #caches: Caches;
  readonly #queueMetrics: QueueMetrics;
  readonly #controllerMetrics: ControllerMetrics;
  #reconcilers: Reconcilers | undefined;

  constructor(options: OperatorOptions) {
    this.#options = options;
    this.#caches = makeCaches(options);
    this.#queueMetrics = new QueueMetrics(options.registry);
    this.#controllerMetrics = new ControllerMetrics(options.registry);
    registerGauges(options.registry, {
      caches: this.#caches,
      nodes: () => this.#reconcilers?.tally.nodes.values() ?? [],
    });
  }

  /** Everything it needs to know has been read. */
  get synced(): boolean {
    return allOf(this.#caches).every(({ synced }) => synced);
  }

  /** Until the signal aborts; nothing is open, and nothing written, once this has resolved. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, namespace, agentTemplate, pod, logger } = this.#options;
    const external = agentTemplate === undefined;
    if (external) await removeDaemonSets(client, namespace, signal);
    const owner = external || pod === undefined ? undefined : await ownDeployment(client, pod, signal);

    const caches = this.#caches;
    const controllers = new Map<ControllerName, Controller>();
    const enqueue = (name: ControllerName, key: string) => controllers.get(name)?.enqueue(key);
    const reconcilers = makeReconcilers({ ...this.#options, caches, external, owner, enqueue });
    this.#reconcilers = reconcilers;
    const work = this.#workOf(reconcilers);
    for (const name of controllerNames) controllers.set(name, this.#controller(name, work[name]));
    const { payloads, daemonSet, node, tally, changed } = reconcilers;
    connect({ caches, enqueue, payloads, namespace, templateKey: this.#templateKey });

    for (const cache of allOf(caches)) cache.start();
    try {
      await Promise.all(allOf(caches).map((cache) => cache.waitForSync(signal)));
      // Counters are whole before the first status is written: an operator that starts anew shows nobody 0 of 0.
      daemonSet.read(this.#templateKey);
      for (const name of caches.nodes.keys()) node.count(name);
      for (const controller of controllers.values()) controller.start();
      logger.info({ nodes: caches.nodes.size, bpfs: caches.bpfs.size }, 'reconciling');
      await recountForever({ ...this.#options, tally, changed }, signal);
    } finally {
      await Promise.all([...controllers.values()].map((controller) => controller.stop()));
      await Promise.all(allOf(caches).map((cache) => cache.stop()));
    }
  }

  get #templateKey(): string {
    return keyOf({ namespace: this.#options.namespace, name: this.#options.agentTemplate ?? '' });
  }

  #workOf({ bpf, node, status, payloads, daemonSet }: Reconcilers): Readonly<Record<ControllerName, Work>> {
    const caches = this.#caches;
    return {
      bpf: { reconcile: (key, signal) => bpf.reconcile(key, signal), allKeys: () => caches.bpfs.keys() },
      node: { reconcile: (key, signal) => node.reconcile(key, signal), allKeys: () => caches.nodes.keys() },
      status: { reconcile: (key, signal) => status.reconcile(key, signal), allKeys: () => caches.bpfs.keys() },
      payload: { reconcile: (key, signal) => payloads.collect(key, signal), allKeys: () => caches.payloads.keys() },
      agents: { reconcile: (key, signal) => daemonSet.reconcile(key, signal), allKeys: () => [this.#templateKey] },
    };
  }

  #controller(name: ControllerName, work: Work): Controller {
    const { clock, logger } = this.#options;
    const queue = new WorkQueue({ name, clock, metrics: this.#queueMetrics });
    const metrics = this.#controllerMetrics;
    return new Controller({ ...work, name, queue, clock, logger, metrics, workers: workers[name] });
  }
}
