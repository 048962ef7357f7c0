import type { PayloadDeps } from '../../bpf/revision/read-payload.ts';
import type { Rejection } from '../../bpf/revision/rejection.ts';
import { type Revision, resolve } from '../../bpf/revision/resolve.ts';
import { templateOf } from '../../bpf/revision/template.ts';
import { apiVersion } from '../../crds/names.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import { type KubeObject, keyOf } from '../../runtime/kube/objects.ts';
import type { OperatorMetrics } from '../metrics.ts';
import { configMapRef } from '../watch/keys.ts';
import { type BpfObject, type ConfigMapObject, configMaps } from '../watch/resources.ts';

/** What is kept of a resolved object: its bytes are wanted once, for the pinned copy. */
export type Resolved =
  | {
      readonly ok: true;
      readonly payload: { readonly sha256: string; readonly sizeBytes: number };
      readonly template: Revision['template'];
      readonly programs: Revision['programs'];
      readonly warnings: Revision['warnings'];
    }
  | Rejection;

/** A resolution that was made just now holds the stored bytes too. */
export type Resolution = { readonly resolved: Resolved; readonly stored: Uint8Array | undefined };

export interface ObjectSourceDeps extends PayloadDeps {
  readonly client: Pick<KubeClient, 'find'>;
  /** Metadata only. */
  readonly configMaps: { get(key: string): KubeObject | undefined };
  readonly metrics: OperatorMetrics;
}

interface Known {
  /** The BPF's UID, its `spec.program`, and what it says about loading it. */
  readonly wish: string;
  /** The ConfigMap's version by its metadata when it was read, and as read; undefined: it was not there. */
  readonly seen: string | undefined;
  readonly read: string | undefined;
  readonly resolved: Resolved;
}

/** Reads the object that a BPF names; a ConfigMap is got only when a BPF refers to it and it has changed since. */
export class ObjectSource {
  readonly #deps: ObjectSourceDeps;
  readonly #known = new Map<string, Known>();

  constructor(deps: ObjectSourceDeps) {
    this.#deps = deps;
  }

  /** `isPinned`: whether the copy of this digest is there; if not, the bytes are read again. */
  async resolve(bpf: BpfObject, isPinned: (sha256: string) => boolean, signal: AbortSignal): Promise<Resolution> {
    const { client, metrics } = this.#deps;
    const key = keyOf(bpf.metadata);
    const ref = configMapRef(bpf);
    const wish = JSON.stringify([bpf.metadata.uid, bpf.spec.program, templateOf(bpf.spec)]);
    const seen = versionOf(this.#deps.configMaps.get(keyOf(ref)));

    const known = this.#known.get(key);
    const current = known?.wish === wish && (seen === known.seen || seen === known.read);
    if (known !== undefined && current && (!known.resolved.ok || isPinned(known.resolved.payload.sha256))) {
      return { resolved: known.resolved, stored: undefined };
    }

    // Asked also when the watch does not know it: of two objects applied together, either may be heard of first.
    metrics.configMapReads.inc();
    const configMap: ConfigMapObject | undefined = await client.find(configMaps, ref, { signal });
    const resolution = resolve({ ...bpf, apiVersion, kind: 'BPF' }, configMap, this.#deps);
    const resolved: Resolved = resolution.ok ? summaryOf(resolution.revision) : resolution;
    this.#known.set(key, { wish, seen, read: versionOf(configMap), resolved });
    return { resolved, stored: resolution.ok ? resolution.revision.payload.stored : undefined };
  }

  forget(key: string): void {
    this.#known.delete(key);
  }
}

const summaryOf = ({ payload: { sha256, sizeBytes }, template, programs, warnings }: Revision): Resolved => ({
  ok: true,
  payload: { sha256, sizeBytes },
  template,
  programs,
  warnings,
});

const versionOf = (object: KubeObject | undefined): string | undefined => object?.metadata.resourceVersion;
