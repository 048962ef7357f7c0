import { type KubeObject, keyOf } from '../../runtime/kube/objects.ts';
import type { StoreEvent } from '../../runtime/kube/store.ts';
import type { ControllerName } from '../reconcilers.ts';
import { objectOf } from './cache.ts';
import type { Caches } from './caches.ts';
import { bpfKeyOf } from './keys.ts';
import type { BpfObject, PodObject } from './resources.ts';

export interface Connections {
  readonly caches: Caches;
  readonly enqueue: (controller: ControllerName, key: string) => void;
  readonly payloads: { deleted(payload: KubeObject): void };
  readonly namespace: string;
  /** `namespace/name` of the agent template. */
  readonly templateKey: string;
}

/** Which key is to be looked at when what changes: the whole of it, in one place. */
export function connect({ caches, enqueue, payloads, namespace, templateKey }: Connections): void {
  caches.bpfs.subscribe((event) => {
    const key = keyOf(objectOf(event).metadata);
    if (concernsNodes(event)) enqueue('bpf', key);
    else enqueue('status', key); // mostly our own write come back; or somebody has changed it
  });

  caches.configMaps.subscribe((event) => {
    const key = keyOf(objectOf(event).metadata);
    for (const { metadata } of caches.bpfs.byIndex('configMap', key)) enqueue('bpf', keyOf(metadata));
  });

  caches.revisions.subscribe((event) => {
    const revision = objectOf(event);
    enqueue('bpf', bpfKeyOf(revision));
    if (event.type !== 'updated') enqueue('payload', keyOf({ namespace, name: revision.spec.payload.configMap.name }));
  });

  caches.payloads.subscribe((event) => {
    const { metadata } = objectOf(event);
    enqueue('payload', keyOf(metadata));
    if (event.type !== 'deleted') return;
    payloads.deleted(event.old);
    for (const revision of caches.revisions.byIndex('payload', metadata.name)) enqueue('bpf', bpfKeyOf(revision));
  });

  caches.nodes.subscribe((event) => enqueue('node', objectOf(event).metadata.name));
  caches.bpfNodes.subscribe((event) => enqueue('node', objectOf(event).metadata.name));
  caches.pods.subscribe((event) => {
    for (const name of nodesOf(event)) enqueue('node', name);
  });

  caches.daemonSets.subscribe(() => enqueue('agents', templateKey));
  caches.templates.subscribe(() => enqueue('agents', templateKey));
}

/** A change of the status alone concerns nobody else; there are many of those. */
function concernsNodes(event: StoreEvent<BpfObject>): boolean {
  if (event.type !== 'updated') return true;
  const [a, b] = [event.old.metadata, event.new.metadata];
  return (
    a.uid !== b.uid ||
    a.generation !== b.generation ||
    a.deletionTimestamp !== b.deletionTimestamp ||
    a.finalizers?.join() !== b.finalizers?.join()
  );
}

function nodesOf({ old, new: next }: StoreEvent<PodObject>): Set<string> {
  return new Set([old?.spec?.nodeName, next?.spec?.nodeName].filter((name) => name !== undefined));
}
