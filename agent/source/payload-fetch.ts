import { objectMaxBytes } from '../../bpf/revision/limits.ts';
import type { BpfRevisionSpec } from '../../crds/bpf-revision.ts';
import { payloadKey } from '../../crds/names.ts';
import { messageOf } from '../../runtime/errors.ts';
import { gunzip } from '../../runtime/gunzip.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import { isKubeError } from '../../runtime/kube/kube-error.ts';
import { sha256 } from '../../runtime/sha256.ts';
import type { PayloadCache } from './payload-cache.ts';
import { PayloadError } from './payload-error.ts';
import { type PayloadObject, payloadConfigMaps } from './resources.ts';

/** Brings the object of a revision: from disk, else out of the ConfigMap where the operator has pinned it. */
export class PayloadFetch {
  readonly #client: Pick<KubeClient, 'get'>;
  readonly #cache: PayloadCache;

  constructor(client: Pick<KubeClient, 'get'>, cache: PayloadCache) {
    this.#client = client;
    this.#cache = cache;
  }

  /** The ELF, inflated, of the pinned digest. Throws PayloadError, or what the signal aborts with. */
  async fetch(ref: string, payload: BpfRevisionSpec['payload'], signal: AbortSignal): Promise<Uint8Array> {
    const cached = await this.#cache.read(payload.sha256);
    if (cached !== undefined) return cached;

    const where = `fetch object of ${ref}: ConfigMap ${payload.configMap.namespace}/${payload.configMap.name}`;
    const stored = await this.#stored(ref, where, payload.configMap, signal);
    const elf = inflate(ref, where, stored);
    const digest = sha256(elf);
    if (digest !== payload.sha256) {
      throw new PayloadError('DigestMismatch', `${where}: its sha256 is ${digest}, pinned is ${payload.sha256}`, {
        ref,
      });
    }
    await this.#cache.write(digest, elf);
    return elf;
  }

  async #stored(
    ref: string,
    where: string,
    name: BpfRevisionSpec['payload']['configMap'],
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    let configMap: PayloadObject;
    try {
      configMap = await this.#get(name, signal);
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      throw new PayloadError('PayloadUnavailable', `${where}: ${messageOf(thrown)}`, { ref }, thrown);
    }
    const text = configMap.binaryData?.[payloadKey];
    if (text === undefined) throw new PayloadError('PayloadUnavailable', `${where}: no key ${payloadKey}`, { ref });
    return Buffer.from(text, 'base64');
  }

  /** From the server's cache, which is cheap; that may lag behind, so a 404 of it proves nothing. */
  async #get(name: BpfRevisionSpec['payload']['configMap'], signal: AbortSignal): Promise<PayloadObject> {
    try {
      return await this.#client.get(payloadConfigMaps, name, { resourceVersion: '0', signal });
    } catch (thrown) {
      if (!isKubeError(thrown, 'NotFound')) throw thrown;
      return await this.#client.get(payloadConfigMaps, name, { signal });
    }
  }
}

function inflate(ref: string, where: string, stored: Uint8Array): Uint8Array {
  if (stored[0] !== 0x1f || stored[1] !== 0x8b) return stored; // RFC 1952 section 2.3.1: not gzip
  try {
    const elf = gunzip(stored, objectMaxBytes);
    if (elf !== undefined) return elf;
  } catch (thrown) {
    throw new PayloadError('InvalidObject', `${where}: gunzip: ${messageOf(thrown)}`, { ref }, thrown);
  }
  throw new PayloadError('InvalidObject', `${where}: more than ${objectMaxBytes} bytes after gunzip`, { ref });
}
