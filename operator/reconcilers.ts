import type { Clock } from '../runtime/clock.ts';
import { gunzip } from '../runtime/gunzip.ts';
import type { KubeClient } from '../runtime/kube/client.ts';
import type { EventRecorder } from '../runtime/kube/events.ts';
import { keyOf, type OwnerReference } from '../runtime/kube/objects.ts';
import type { Logger } from '../runtime/logger.ts';
import { sha256 } from '../runtime/sha256.ts';
import { DaemonSetReconciler } from './agents/daemon-set.ts';
import { podOn } from './agents/pod-on.ts';
import type { OperatorMetrics } from './metrics.ts';
import { NodeReconciler, type NodeReconcilerDeps } from './nodes/node-reconciler.ts';
import { ObjectSource } from './reconcile/object-source.ts';
import { PayloadStore } from './reconcile/payload-store.ts';
import { BpfReconciler } from './reconcile/reconcile-bpf.ts';
import type { BpfRecord } from './status/record.ts';
import { StatusWriter } from './status/status-writer.ts';
import { Tally } from './status/tally.ts';
import type { Caches } from './watch/caches.ts';

/** Each has a queue of its own: of BPFs, Nodes, BPFs again, pinned copies, and the agent template. */
export const controllerNames = ['bpf', 'node', 'status', 'payload', 'agents'] as const;
export type ControllerName = (typeof controllerNames)[number];

export interface ReconcilerDeps {
  readonly client: KubeClient;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: OperatorMetrics;
  readonly namespace: string;
  readonly caches: Caches;
  /** Agents are started by somebody else. */
  readonly external: boolean;
  /** Of the DaemonSet. */
  readonly owner: OwnerReference | undefined;
  readonly enqueue: (controller: ControllerName, key: string) => void;
}

export interface Reconcilers {
  readonly bpf: BpfReconciler;
  readonly node: NodeReconciler;
  readonly status: StatusWriter;
  readonly payloads: PayloadStore;
  readonly daemonSet: DaemonSetReconciler;
  readonly tally: Tally;
  /** The counters of these BPFs have changed. */
  readonly changed: (refs: readonly string[]) => void;
}

/** All that works, joined: what one finds out is another's key, and nobody calls anybody else. */
export function makeReconcilers(deps: ReconcilerDeps): Reconcilers {
  const { caches, enqueue } = deps;
  const tally = new Tally();
  const records = new Map<string, BpfRecord>();
  const changed = (refs: readonly string[]) => {
    for (const ref of refs) {
      enqueue('status', ref);
      if (records.get(ref)?.terminating) enqueue('bpf', ref); // perhaps the last node has let go
    }
  };
  const common = { ...deps, tally, records, sha256, gunzip, bpfs: caches.bpfs };

  const objects = new ObjectSource({ ...common, configMaps: caches.configMaps });
  const payloads = new PayloadStore({
    ...common,
    payloads: caches.payloads,
    isReferenced: (name) => caches.revisions.byIndex('payload', name).length > 0,
  });
  const bpf = new BpfReconciler({
    ...common,
    objects,
    payloads,
    revisionsOf: ({ metadata }) => caches.revisions.byIndex('bpf', keyOf(metadata)),
    changed: (key) => enqueue('status', key),
  });
  const daemonSet = new DaemonSetReconciler({
    ...common,
    templates: caches.templates,
    daemonSets: caches.daemonSets,
    placed: () => {
      for (const name of caches.nodes.keys()) enqueue('node', name);
    },
  });
  const agents: NodeReconcilerDeps['agents'] = deps.external
    ? 'external'
    : {
        podOn: (node) => podOn(caches.pods.byIndex('node', node), daemonSet.template?.name),
        placement: () => daemonSet.template?.placement,
      };
  const node = new NodeReconciler({ ...common, nodes: caches.nodes, bpfNodes: caches.bpfNodes, agents, changed });
  return { bpf, node, status: new StatusWriter(common), payloads, daemonSet, tally, changed };
}
