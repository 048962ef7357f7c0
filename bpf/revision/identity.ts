import type { BpfRevisionSpec } from '../../crds/bpf-revision.ts';

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
}

/** Goes up when the hash covers something else than before: then every revision is a new one. */
const formatVersion = 1;
const hashDigits = 8;

/** First 8 hex digits of the content's hash: the same wish is always the same revision. */
export function revisionHash({ uid, payload }: RevisionContent, sha256: (bytes: Uint8Array) => string): string {
  const { configMap } = payload;
  // A JSON array: an order of our own, and no two contents that read alike.
  const content = [formatVersion, uid, payload.sha256, payload.sizeBytes, configMap?.namespace, configMap?.name];
  return sha256(new TextEncoder().encode(JSON.stringify(content))).slice(0, hashDigits);
}

/** `metadata.name` of the BPFRevision: a BPF's name has at most 63 characters, so at most 72. */
export const revisionName = (bpfName: string, hash: string): string => `${bpfName}-${hash}`;
