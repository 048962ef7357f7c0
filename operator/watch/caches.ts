import type { Registry } from 'prom-client';
import { payloadLabel } from '../../crds/names.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { KubeClient, Selection } from '../../runtime/kube/client.ts';
import { type KubeObject, keyOf } from '../../runtime/kube/objects.ts';
import { Reflector } from '../../runtime/kube/reflector.ts';
import { ReflectorMetrics } from '../../runtime/kube/reflector-metrics.ts';
import type { Resource } from '../../runtime/kube/resource.ts';
import type { Indexers } from '../../runtime/kube/store.ts';
import type { Logger } from '../../runtime/logger.ts';
import { Cache } from './cache.ts';
import { bpfKeyOf, configMapRef, managedLabel, managedLabelValue } from './keys.ts';
import {
  type BpfNodeObject,
  type BpfObject,
  bpfNodes,
  bpfRevisions,
  bpfs,
  type ConfigMapObject,
  configMapMetadata,
  configMaps,
  type DaemonSetObject,
  daemonSets,
  type NodeObject,
  nodes,
  type PodObject,
  pods,
  type RevisionObject,
} from './resources.ts';
import { trimBpf, trimBpfNode, trimMetadata, trimNode, trimPod } from './trim.ts';

export interface CachesOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  /** The operator's own. */
  readonly namespace: string;
  /** Where BPFs and their ConfigMaps are looked for; empty: everywhere. */
  readonly watchNamespaces: readonly string[];
  /** The ConfigMap with the agent DaemonSet's template; undefined: agents are started by somebody else. */
  readonly agentTemplate: string | undefined;
}

/** Pages of large collections: one answer with 5,000 Nodes is 100 MiB. */
const pageSize = 500;

/** Everything the operator watches. */
export interface Caches {
  readonly bpfs: Cache<BpfObject>;
  readonly revisions: Cache<RevisionObject>;
  readonly configMaps: Cache<KubeObject>;
  readonly bpfNodes: Cache<BpfNodeObject>;
  readonly nodes: Cache<NodeObject>;
  readonly payloads: Cache<KubeObject>;
  /** Of the operator's namespace; empty where agents are somebody else's. */
  readonly pods: Cache<PodObject>;
  readonly daemonSets: Cache<DaemonSetObject>;
  readonly templates: Cache<ConfigMapObject>;
}

export function makeCaches(options: CachesOptions): Caches {
  const { client, clock, logger, registry, namespace, watchNamespaces, agentTemplate } = options;
  const common = { client, clock, logger, metrics: new ReflectorMetrics(registry), pageSize };
  const one = <T extends KubeObject>(resource: Resource<T>, how: How<T> & Selection): Cache<T> =>
    new Cache(new Map([[how.namespace ?? '', new Reflector<T>({ ...common, resource, ...how })]]));
  const none = <T extends KubeObject>(): Cache<T> => new Cache(new Map<string, Reflector<T>>());
  const users = <T extends KubeObject>(resource: Resource<T>, how: How<T>): Cache<T> => {
    if (watchNamespaces.length === 0) return one(resource, how);
    return new Cache(
      new Map(
        watchNamespaces.map((name) => [name, new Reflector<T>({ ...common, resource, ...how, namespace: name })]),
      ),
    );
  };

  return {
    bpfs: users(bpfs, { transform: trimBpf, indexers: { configMap: (bpf) => [keyOf(configMapRef(bpf))] } }),
    revisions: users(bpfRevisions, {
      transform: trimMetadata,
      indexers: {
        bpf: (revision) => [bpfKeyOf(revision)],
        payload: ({ spec }) => [spec.payload.configMap.name],
      },
    }),
    configMaps: users(configMapMetadata, { transform: trimMetadata }),
    bpfNodes: one(bpfNodes, { transform: trimBpfNode }),
    nodes: one(nodes, { transform: trimNode }),
    payloads: one(configMapMetadata, { namespace, labelSelector: payloadLabel, transform: trimMetadata }),
    ...(agentTemplate === undefined
      ? { pods: none<PodObject>(), daemonSets: none<DaemonSetObject>(), templates: none<ConfigMapObject>() }
      : {
          pods: one(pods, {
            namespace,
            transform: trimPod,
            indexers: { node: ({ spec }) => (spec?.nodeName === undefined ? [] : [spec.nodeName]) },
          }),
          daemonSets: one(daemonSets, { namespace, labelSelector: `${managedLabel}=${managedLabelValue}` }),
          templates: one(configMaps, { namespace, fieldSelector: `metadata.name=${agentTemplate}` }),
        }),
  };
}

export const allOf = (caches: Caches): readonly Cache<KubeObject>[] =>
  Object.values(caches) as readonly Cache<KubeObject>[];

type How<T extends KubeObject> = {
  readonly transform?: (object: T) => T;
  readonly indexers?: Indexers<T>;
};
