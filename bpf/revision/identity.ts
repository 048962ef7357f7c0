import type { BpfRevisionSpec } from '../../crds/bpf-revision.ts';
import type { RevisionTemplate } from '../../crds/load-config.ts';

/** What a revision is told apart by: exactly its immutable fields. */
export interface RevisionContent {
  /** Of the BPF; where there is no API server to give one out, `namespace/name`. */
  readonly uid: string;
  readonly payload: {
    readonly sha256: string;
    readonly sizeBytes: number;
    /** Absent where the payload is not pinned in a ConfigMap, in directory mode. */
    readonly configMap?: BpfRevisionSpec['payload']['configMap'];
  };
  /** Absent where the object is loaded as it says itself. */
  readonly template?: RevisionTemplate | undefined;
}

/**
 * Goes up when the hash covers something else than before: then revisions that were hashed so far are new ones. What has
 * no template is what format 1 was about, and keeps its hash.
 */
const formatVersion = 2;
const formatVersionWithoutTemplate = 1;
const hashDigits = 8;

/** First 8 hex digits of the content's hash: the same wish is always the same revision. */
export function revisionHash(
  { uid, payload, template }: RevisionContent,
  sha256: (bytes: Uint8Array) => string,
): string {
  const { configMap } = payload;
  // A JSON array: an order of our own, and no two contents that read alike.
  const pinned = [uid, payload.sha256, payload.sizeBytes, configMap?.namespace, configMap?.name];
  const content =
    template === undefined
      ? [formatVersionWithoutTemplate, ...pinned]
      : [formatVersion, ...pinned, inKeyOrder(template)];
  return sha256(new TextEncoder().encode(JSON.stringify(content))).slice(0, hashDigits);
}

/** The API server hands out fields in an order of its own, a file in that of its author. */
function inKeyOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inKeyOrder);
  if (typeof value !== 'object' || value === null) return value;
  const sorted = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([key, item]) => [key, inKeyOrder(item)]));
}

/** `metadata.name` of the BPFRevision: a BPF's name has at most 63 characters, so at most 72. */
export const revisionName = (bpfName: string, hash: string): string => `${bpfName}-${hash}`;
