import type { Bpf } from '../../crds/bpf.ts';
import { decodeBase64 } from './base64.ts';
import { listedKeysMax, objectMaxBytes, storedMaxBytes } from './limits.ts';
import { type Rejection, reject } from './rejection.ts';

/** A ConfigMap's content as JSON has it: `binaryData` is base64 text there too. */
export interface ConfigMapContent {
  readonly binaryData?: Readonly<Record<string, string>> | undefined;
  readonly data?: Readonly<Record<string, string>> | undefined;
}

/** What this package does not do itself, being pure; `runtime/sha256.ts` and `runtime/gunzip.ts` do it. */
export interface PayloadDeps {
  /** Lower-case hex. */
  sha256(bytes: Uint8Array): string;
  /** The inflated bytes; undefined where they would be more than `limitBytes`. Throws for what is not gzip. */
  gunzip(bytes: Uint8Array, limitBytes: number): Uint8Array | undefined;
}

export interface Payload {
  /** Of `elf`. */
  readonly sha256: string;
  /** Of `elf`. */
  readonly sizeBytes: number;
  /** As in the ConfigMap: gzip stays gzip. */
  readonly stored: Uint8Array;
  /** After gunzip, digest checked. */
  readonly elf: Uint8Array;
}

/** The object that a BPF names, out of its ConfigMap (undefined: there is none), or why there is none. */
export function readPayload(
  bpf: Bpf,
  configMap: ConfigMapContent | undefined,
  deps: PayloadDeps,
): ({ readonly ok: true } & Payload) | Rejection {
  const { valueFrom, sha256: pinned } = bpf.spec.program;
  const { name, key } = valueFrom.configMapKeyRef;
  const read = readText(bpf);

  // the stored bytes
  if (configMap === undefined)
    return reject('ConfigMapNotFound', `read ConfigMap ${namespaceOf(bpf)}/${name}: not found`);
  const found = findKey(configMap, key);
  if (found === undefined) return reject('KeyNotFound', `${read}: no such key; ${keysText(configMap)}`);
  if (found.text.length > textMaxLength) return reject('PayloadTooLarge', `${read}: ${tooLargeText}`);
  const stored = decodeBase64(found.text);
  if (!(stored instanceof Uint8Array)) {
    const place = `${stored.problem} at offset ${stored.offset}`;
    return reject(
      'NotAnELF',
      `${read}: ${found.field} is not base64: ${place} [kubectl create configmap --from-file encodes it]`,
    );
  }
  if (stored.length > storedMaxBytes) return reject('PayloadTooLarge', `${read}: ${tooLargeText}`);
  if (stored.length === 0) return reject('NotAnELF', `${read}: empty`);

  // the object in them
  const inflated = isGzip(stored) ? inflate(stored, read, deps) : { ok: true as const, elf: stored };
  if (!inflated.ok) return inflated;
  const { elf } = inflated;
  if (elf.length === 0) return reject('NotAnELF', `${read}: empty after gunzip`);

  // is it the one that was meant
  const sha256 = deps.sha256(elf);
  if (pinned !== undefined && pinned !== sha256) {
    return reject('DigestMismatch', `${read}: its sha256 is ${sha256}, spec.program.sha256 is ${pinned}`);
  }
  return { ok: true, sha256, sizeBytes: elf.length, stored, elf };
}

/** What was being done when something was wrong: the start of every message. */
export function readText(bpf: Bpf): string {
  const { name, key } = bpf.spec.program.valueFrom.configMapKeyRef;
  return `read key ${key} of ConfigMap ${namespaceOf(bpf)}/${name}`;
}

/** As kubectl fills it in; a manifest from a file may have none. */
const namespaceOf = (bpf: Bpf): string => bpf.metadata.namespace ?? 'default';

const tooLargeText = `more than ${storedMaxBytes} bytes, which is all that a ConfigMap holds [gzip it; up to ${objectMaxBytes} bytes inflated]`;

function findKey(
  { binaryData = {}, data = {} }: ConfigMapContent,
  key: string,
): { field: string; text: string } | undefined {
  // The API server refuses a key in both; a file may have it.
  if (Object.hasOwn(binaryData, key)) return { field: 'binaryData', text: binaryData[key] ?? '' };
  return Object.hasOwn(data, key) ? { field: 'data', text: data[key] ?? '' } : undefined;
}

function keysText({ binaryData = {}, data = {} }: ConfigMapContent): string {
  const keys = [...new Set([...Object.keys(binaryData), ...Object.keys(data)])].sort();
  if (keys.length === 0) return 'it has none';
  const more = keys.length - listedKeysMax;
  return `it has ${keys.slice(0, listedKeysMax).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Line breaks and all, a megabyte of base64 is never this long: what is longer is not even decoded. */
const textMaxLength = 4 * storedMaxBytes;

/** RFC 1952 section 2.3.1: ID1, ID2. */
const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

function inflate(stored: Uint8Array, read: string, deps: PayloadDeps): { ok: true; elf: Uint8Array } | Rejection {
  try {
    const elf = deps.gunzip(stored, objectMaxBytes);
    if (elf === undefined) return reject('PayloadTooLarge', `${read}: more than ${objectMaxBytes} bytes after gunzip`);
    return { ok: true, elf };
  } catch (thrown) {
    return reject('NotAnELF', `${read}: gunzip: ${Error.isError(thrown) ? thrown.message : String(thrown)}`);
  }
}
