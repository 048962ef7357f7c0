import { createHash } from 'node:crypto';
import { revisionHash } from '../../bpf/revision/identity.ts';
import { matchesNode, type NodeFacts } from '../../bpf/revision/matches-node.ts';
import { type PayloadDeps, readPayload } from '../../bpf/revision/read-payload.ts';
import { resolve } from '../../bpf/revision/resolve.ts';
import type { Bpf } from '../../crds/bpf.ts';
import { gunzip } from '../../runtime/gunzip.ts';
import { sha256 } from '../../runtime/sha256.ts';
import type { Choice } from './choose-manifest.ts';
import type { ConfigMap } from './config-map.ts';
import { PayloadError } from './payload-error.ts';
import { placeText } from './place.ts';
import type { RejectedProgram, WantedProgram } from './source.ts';

/** Without an API server there is no time of creation: all are equally old, and the order of refs decides. */
const createdAt = '1970-01-01T00:00:00Z';

/** Of a RejectedProgram, where the API server would have refused the manifest. Directory mode only. */
export const invalidManifest = 'InvalidManifest';

const payloadDeps: PayloadDeps = { sha256, gunzip };

type Outcome = { readonly wanted: WantedProgram } | { readonly rejected: RejectedProgram };

/** Turns what the manifests of a folder say into what this node should run. */
export class DirectoryWishes {
  readonly #node: NodeFacts;
  /** By the manifest as read: an unchanged BPF with an unchanged ConfigMap is not resolved again. */
  readonly #resolved = new WeakMap<Bpf, { readonly configMap: ConfigMap | undefined; readonly outcome: Outcome }>();

  constructor(node: NodeFacts) {
    this.#node = node;
  }

  /** Sorted by ref. A BPF that is not meant for this node is in none of the lists. */
  of(
    bpfs: ReadonlyMap<string, Choice<Bpf>>,
    configMaps: ReadonlyMap<string, Choice<ConfigMap>>,
  ): { wanted: WantedProgram[]; rejected: RejectedProgram[]; suspended: string[] } {
    const suspended: string[] = [];
    const wanted: WantedProgram[] = [];
    const rejected: RejectedProgram[] = [];
    for (const [ref, { chosen }] of [...bpfs].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (chosen.ok && !matchesNode(chosen.value.spec, this.#node)) continue;
      if (chosen.ok && chosen.value.spec.suspend) {
        suspended.push(uidOf(ref));
        continue;
      }
      const outcome = chosen.ok
        ? this.#outcomeOf(ref, chosen.value, configMaps)
        : { rejected: { ref, reason: invalidManifest, message: chosen.message } };
      if ('wanted' in outcome) wanted.push(outcome.wanted);
      else rejected.push({ ...outcome.rejected, message: withPlace(outcome.rejected.message, chosen.place) });
    }
    return { wanted, rejected, suspended };
  }

  #outcomeOf(ref: string, bpf: Bpf, configMaps: ReadonlyMap<string, Choice<ConfigMap>>): Outcome {
    const { namespace } = bpf.metadata;
    const configMap = configMaps.get(`${namespace}/${bpf.spec.program.valueFrom.configMapKeyRef.name}`)?.chosen;
    if (configMap?.ok === false) return { rejected: { ref, reason: invalidManifest, message: configMap.message } };
    const content = configMap?.value;
    const known = this.#resolved.get(bpf);
    if (known !== undefined && known.configMap === content) return known.outcome;
    const outcome = resolveWish(ref, bpf, content);
    this.#resolved.set(bpf, { configMap: content, outcome });
    return outcome;
  }
}

function resolveWish(ref: string, bpf: Bpf, configMap: ConfigMap | undefined): Outcome {
  const resolution = resolve(bpf, configMap, payloadDeps);
  if (!resolution.ok) return { rejected: { ref, reason: resolution.reason, message: resolution.message } };
  const { name, namespace = '' } = bpf.metadata;
  const uid = uidOf(ref);
  // Only the digest is kept: the bytes are in the manifest, and needed again only for a load.
  const payload = { sha256: resolution.revision.payload.sha256, sizeBytes: resolution.revision.payload.sizeBytes };
  const { template } = resolution.revision;
  const revision = revisionHash({ uid, payload, template }, sha256);
  const fetch = async () => {
    const read = readPayload(bpf, configMap, payloadDeps);
    if (!read.ok) throw new PayloadError('PayloadUnavailable', read.message, { ref });
    if (read.sha256 !== payload.sha256) {
      const message = `read the object of ${ref}: its sha256 is ${read.sha256}, wanted is ${payload.sha256}`;
      throw new PayloadError('DigestMismatch', message, { ref });
    }
    return read.elf;
  };
  return { wanted: { ref, namespace, name, uid, createdAt, revision, payload, template, fetch } };
}

/** Made from the name, in the form of a UUID (RFC 9562 version 8: bits of our own choice): the same after every start. */
export function uidOf(ref: string): string {
  const bytes = createHash('sha256').update(ref).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** A resolution's message names the ConfigMap, a manifest's its own place; people look for the BPF in a file. */
const withPlace = (message: string, place: Parameters<typeof placeText>[0]): string =>
  message.includes(place.file) ? message : `${message} (${placeText(place)})`;
