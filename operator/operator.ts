import type { Registry } from 'prom-client';
import type { Clock } from '../runtime/clock.ts';
import { gunzip } from '../runtime/gunzip.ts';
import type { KubeClient } from '../runtime/kube/client.ts';
import { Controller } from '../runtime/kube/controller.ts';
import { ControllerMetrics } from '../runtime/kube/controller-metrics.ts';
import type { EventRecorder } from '../runtime/kube/events.ts';
import { keyOf, type ObjectRef } from '../runtime/kube/objects.ts';
import { WorkQueue } from '../runtime/kube/queue.ts';
import { QueueMetrics } from '../runtime/kube/queue-metrics.ts';
import type { Result } from '../runtime/kube/result.ts';
import type { Logger } from '../runtime/logger.ts';
import { sha256 } from '../runtime/sha256.ts';
import { DaemonSetReconciler, removeDaemonSets } from './agents/daemon-set.ts';
import { ownDeployment } from './agents/deployment.ts';
import { podOn } from './agents/pod-on.ts';
import type { OperatorMetrics } from './metrics.ts';
import { NodeReconciler } from './nodes/node-reconciler.ts';
import { ObjectSource } from './reconcile/object-source.ts';
import { PayloadStore } from './reconcile/payload-store.ts';
import { BpfReconciler } from './reconcile/reconcile-bpf.ts';
import type { BpfRecord } from './status/record.ts';
import { recountForever } from './status/recount.ts';
import { StatusWriter } from './status/status-writer.ts';
import { Tally } from './status/tally.ts';
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
const workers = { bpf: 4, node: 8, status: 2, payload: 1, agents: 1 };

export type ControllerName = keyof typeof workers;

/** What a leader does. It is made once per process, since its metrics are. */
export class Operator {
  readonly #options: OperatorOptions;
  readonly #caches: Caches;
  readonly #records = new Map<string, BpfRecord>();
  readonly #tally = new Tally();
  readonly #queueMetrics: QueueMetrics;
  readonly #controllerMetrics: ControllerMetrics;

  constructor(options: OperatorOptions) {
    this.#options = options;
    this.#caches = makeCaches(options);
    this.#queueMetrics = new QueueMetrics(options.registry);
    this.#controllerMetrics = new ControllerMetrics(options.registry);
    const { bpfs, payloads } = this.#caches;
    options.metrics.watch(options.registry, {
      bpf_operator_bpfs: { help: 'BPFs there are.', value: () => bpfs.size },
      bpf_operator_bpfs_degraded: {
        help: 'BPFs whose phase is Degraded.',
        value: () => [...bpfs.list()].filter(({ status }) => status?.phase === 'Degraded').length,
      },
      bpf_operator_payloads: { help: 'Pinned objects there are.', value: () => payloads.size },
      bpf_operator_nodes: { help: 'Nodes that are counted.', value: () => this.#tally.nodes.size },
      bpf_operator_nodes_unknown: {
        help: 'Nodes that are not ready, or whose agent is not, for a minute.',
        value: () => [...this.#tally.nodes.values()].filter(({ health }) => health === 'unknown').length,
      },
    });
  }

  /** Everything it needs to know has been read. */
  get synced(): boolean {
    return allOf(this.#caches).every(({ synced }) => synced);
  }

  /** Until the signal aborts; nothing is open, and nothing written, once this has resolved. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, namespace, agentTemplate, pod, clock, logger, metrics } = this.#options;
    if (agentTemplate === undefined) await removeDaemonSets(client, namespace, signal);
    const owner =
      pod === undefined || agentTemplate === undefined ? undefined : await ownDeployment(client, pod, signal);
    const parts = this.#makeParts(owner);
    connect({ ...parts, caches: this.#caches, namespace, templateKey: this.#templateKey });

    for (const cache of allOf(this.#caches)) cache.start();
    try {
      await Promise.all(allOf(this.#caches).map((cache) => cache.waitForSync(signal)));
      // Counters are whole before the first status is written: an operator that starts anew shows nobody 0 of 0.
      parts.daemonSet.read(this.#templateKey);
      for (const name of this.#caches.nodes.keys()) parts.node.count(name);
      for (const controller of Object.values(parts.controllers)) controller.start();
      logger.info({ nodes: this.#caches.nodes.size, bpfs: this.#caches.bpfs.size }, 'reconciling');
      await recountForever({ tally: this.#tally, clock, metrics, logger, changed: parts.changed }, signal);
    } finally {
      await Promise.all(Object.values(parts.controllers).map((controller) => controller.stop()));
      await Promise.all(allOf(this.#caches).map((cache) => cache.stop()));
    }
  }

  get #templateKey(): string {
    return keyOf({ namespace: this.#options.namespace, name: this.#options.agentTemplate ?? '' });
  }

  #makeParts(owner: Awaited<ReturnType<typeof ownDeployment>>) {
    const { client, namespace, agentTemplate, clock, logger, metrics, events } = this.#options;
    const tally = this.#tally;
    const records = this.#records;
    const {
      bpfs,
      revisions,
      configMaps,
      payloads: pinned,
      nodes,
      bpfNodes,
      pods,
      templates,
      daemonSets,
    } = this.#caches;

    const changed = (refs: readonly string[]) => {
      for (const ref of refs) {
        controllers.status.enqueue(ref);
        if (records.get(ref)?.terminating) controllers.bpf.enqueue(ref); // perhaps the last node has let go
      }
    };
    const common = { client, clock, logger, metrics, namespace, tally, records, sha256, gunzip, bpfs };
    const objects = new ObjectSource({ ...common, configMaps });
    const isReferenced = (name: string) => revisions.byIndex('payload', name).length > 0;
    const payloads = new PayloadStore({ ...common, payloads: pinned, isReferenced });
    const bpf = new BpfReconciler({
      ...common,
      objects,
      payloads,
      revisionsOf: ({ metadata }) => revisions.byIndex('bpf', keyOf(metadata)),
      changed: (key) => controllers.status.enqueue(key),
    });
    const status = new StatusWriter({ ...common, events });
    const placed = () => {
      for (const name of nodes.keys()) controllers.node.enqueue(name);
    };
    const daemonSet = new DaemonSetReconciler({ ...common, templates, daemonSets, owner, placed });
    const node = new NodeReconciler({
      ...common,
      nodes,
      bpfNodes,
      agents:
        agentTemplate === undefined
          ? 'external'
          : {
              podOn: (name) => podOn(pods.byIndex('node', name), daemonSet.template?.name),
              placement: () => daemonSet.template?.placement,
            },
      changed,
    });
    const controllers = {
      bpf: this.#controller(
        'bpf',
        (key, signal) => bpf.reconcile(key, signal),
        () => bpfs.keys(),
      ),
      node: this.#controller(
        'node',
        (key, signal) => node.reconcile(key, signal),
        () => nodes.keys(),
      ),
      status: this.#controller(
        'status',
        (key, signal) => status.reconcile(key, signal),
        () => bpfs.keys(),
      ),
      payload: this.#controller(
        'payload',
        (key, signal) => payloads.collect(key, signal),
        () => pinned.keys(),
      ),
      agents: this.#controller(
        'agents',
        (key, signal) => daemonSet.reconcile(key, signal),
        () => [this.#templateKey],
      ),
    };
    return { controllers, node, daemonSet, payloads, changed };
  }

  #controller(
    name: ControllerName,
    reconcile: (key: string, signal: AbortSignal) => Promise<Result>,
    allKeys: () => Iterable<string>,
  ): Controller {
    const { clock, logger } = this.#options;
    const queue = new WorkQueue({ name, clock, metrics: this.#queueMetrics });
    return new Controller({
      name,
      queue,
      reconcile,
      allKeys,
      clock,
      logger,
      metrics: this.#controllerMetrics,
      workers: workers[name],
    });
  }
}
