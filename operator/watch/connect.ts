import { type KubeObject, keyOf } from '../../runtime/kube/objects.ts';
import type { StoreEvent } from '../../runtime/kube/store.ts';
import { bpfKeyOf } from '../reconcile/reconcile-bpf.ts';
import { objectOf } from './cache.ts';
import type { Caches } from './caches.ts';
import type { BpfObject, PodObject } from './resources.ts';

interface Queue {
  enqueue(key: string): void;
}

export interface Connections {
  readonly caches: Caches;
  readonly controllers: Readonly<Record<'bpf' | 'node' | 'status' | 'payload' | 'agents', Queue>>;
  readonly payloads: { deleted(payload: KubeObject): void };
  readonly namespace: string;
  /** `namespace/name` of the agent template. */
  readonly templateKey: string;
}

/** Which key is to be looked at when what changes: the whole of it, in one place. */
export function connect({ caches, controllers, payloads, namespace, templateKey }: Connections): void {
  const { bpf, node, status, payload, agents } = controllers;

  caches.bpfs.subscribe((event) => {
    const key = keyOf(objectOf(event).metadata);
    if (concernsNodes(event)) bpf.enqueue(key);
    else status.enqueue(key); // mostly our own write come back; or somebody has changed it
  });

  caches.configMaps.subscribe((event) => {
    const key = keyOf(objectOf(event).metadata);
    for (const { metadata } of caches.bpfs.byIndex('configMap', key)) bpf.enqueue(keyOf(metadata));
  });

  caches.revisions.subscribe((event) => {
    const revision = objectOf(event);
    bpf.enqueue(bpfKeyOf(revision));
    if (event.type !== 'updated') payload.enqueue(keyOf({ namespace, name: revision.spec.payload.configMap.name }));
  });

  caches.payloads.subscribe((event) => {
    const { metadata } = objectOf(event);
    payload.enqueue(keyOf(metadata));
    if (event.type !== 'deleted') return;
    payloads.deleted(event.old);
    for (const revision of caches.revisions.byIndex('payload', metadata.name)) bpf.enqueue(bpfKeyOf(revision));
  });

  caches.nodes.subscribe((event) => node.enqueue(objectOf(event).metadata.name));
  caches.bpfNodes.subscribe((event) => node.enqueue(objectOf(event).metadata.name));
  caches.pods.subscribe((event) => {
    for (const name of nodesOf(event)) node.enqueue(name);
  });

  caches.daemonSets.subscribe(() => agents.enqueue(templateKey));
  caches.templates.subscribe(() => agents.enqueue(templateKey));
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
