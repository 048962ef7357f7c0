import { type PayloadDeps, readPayload } from '../../bpf/revision/read-payload.ts';
import { apiVersion, payloadConfigMapName, payloadKey, payloadLabel, payloadLabelValue } from '../../crds/names.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import { type Draft, type KubeObject, keyOf, type ObjectRef } from '../../runtime/kube/objects.ts';
import { done, type Result, requeueAfter, wait } from '../../runtime/kube/result.ts';
import type { OperatorMetrics } from '../metrics.ts';
import { type ConfigMapObject, configMaps } from '../watch/resources.ts';

/** A pinned copy that nothing refers to is kept this long, for whoever is about to (design: operator.md). */
export const payloadKeptMs = 10 * 60_000;

export interface PayloadStoreDeps extends PayloadDeps {
  readonly client: KubeClient;
  /** Metadata of the ConfigMaps with our label in our namespace. */
  readonly payloads: { get(key: string): KubeObject | undefined };
  /** Whether a BPFRevision names this ConfigMap. */
  readonly isReferenced: (configMapName: string) => boolean;
  readonly namespace: string;
  readonly clock: Clock;
  readonly metrics: OperatorMetrics;
}

/**
 * Pinned copies of objects, by digest, in the operator's namespace: what a revision names never changes under it. A copy
 * is trusted only after its digest was computed, once per ConfigMap (its UID) and process: who may write ConfigMaps here
 * could have made it.
 */
export class PayloadStore {
  readonly #deps: PayloadStoreDeps;
  /** Name to UID of the ConfigMap that was read and found good. */
  readonly #verified = new Map<string, string>();
  /** Copies that nothing refers to, and since when that is known; monotonic. */
  readonly #unwantedAtMs = new Map<string, number>();

  constructor(deps: PayloadStoreDeps) {
    this.#deps = deps;
  }

  /** The copy is there and was found good. One that was made just now need not have come by watch yet. */
  isPinned(sha256: string): boolean {
    const name = payloadConfigMapName(sha256);
    const verified = this.#verified.get(name);
    const seen = this.#deps.payloads.get(keyOf({ namespace: this.#deps.namespace, name }));
    return verified !== undefined && (seen === undefined || seen.metadata.uid === verified);
  }

  /** The watch says that this copy was deleted. */
  deleted({ metadata: { name, uid } }: KubeObject): void {
    if (this.#verified.get(name) === uid) this.#verified.delete(name);
    this.#unwantedAtMs.delete(name);
  }

  /** Makes sure that the copy is there; `stored` is what to make it of. */
  async pin(sha256: string, stored: Uint8Array, signal: AbortSignal): Promise<void> {
    const { client, namespace } = this.#deps;
    const name = payloadConfigMapName(sha256);
    this.#unwantedAtMs.delete(name); // a revision is about to refer to it
    if (this.isPinned(sha256)) return;

    // Of one that is there, see whether it is what its name says.
    const ref = { namespace, name };
    const existing = await client.find(configMaps, ref, { signal });
    if (existing !== undefined) {
      if (this.#isGood(existing, sha256)) return void this.#verified.set(name, existing.metadata.uid);
      await client.delete(configMaps, ref, { uid: existing.metadata.uid, signal });
    }

    // AlreadyExists, when somebody made it meanwhile, is for the next try, which looks at it.
    const created = await client.create(configMaps, copyOf(ref, sha256, stored), { signal });
    this.#verified.set(name, created.metadata.uid);
  }

  /** Deletes a copy once nothing has referred to it for a while. The key is its `namespace/name`. */
  async collect(key: string, signal: AbortSignal): Promise<Result> {
    const { client, isReferenced, clock, metrics, payloads } = this.#deps;
    const payload = payloads.get(key);
    if (payload === undefined) return done;
    const { name, namespace = '', uid } = payload.metadata;
    if (isReferenced(name)) {
      this.#unwantedAtMs.delete(name);
      return wait('referred to');
    }
    const nowMs = clock.monotonic();
    const unwantedAtMs = this.#unwantedAtMs.get(name) ?? nowMs;
    this.#unwantedAtMs.set(name, unwantedAtMs);
    const leftMs = unwantedAtMs + payloadKeptMs - nowMs;
    if (leftMs > 0) return requeueAfter(leftMs);

    if (await client.delete(configMaps, { namespace, name }, { uid, signal })) metrics.payloadsCollected.inc();
    this.#unwantedAtMs.delete(name);
    return done;
  }

  #isGood(configMap: ConfigMapObject, sha256: string): boolean {
    const { name, namespace = '', labels } = configMap.metadata;
    const asked = {
      apiVersion,
      kind: 'BPF' as const,
      metadata: { name, namespace },
      spec: { program: { valueFrom: { configMapKeyRef: { name, key: payloadKey } }, sha256 }, suspend: false },
    };
    return (
      configMap.immutable === true &&
      configMap.metadata.deletionTimestamp === undefined &&
      labels?.[payloadLabel] === payloadLabelValue(sha256) &&
      readPayload(asked, configMap, this.#deps).ok
    );
  }
}

/** The stored bytes as they are: gzip stays gzip. */
const copyOf = (ref: Required<ObjectRef>, sha256: string, stored: Uint8Array): Draft<ConfigMapObject> => ({
  metadata: { ...ref, labels: { [payloadLabel]: payloadLabelValue(sha256) } },
  immutable: true,
  binaryData: { [payloadKey]: Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength).toString('base64') },
});
