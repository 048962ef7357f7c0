import { constants } from 'node:fs';
import { type FileHandle, lstat, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, messageOf } from '../../runtime/errors.ts';
import { type Manifest, type Manifests, readManifests } from './manifests.ts';
import { readYamlDocuments } from './yaml-documents.ts';

/** What a file gave when it was last read, and what of it could not be read since. */
export interface ManifestFile {
  /** Differs when the file may have changed; undefined when it could not be read, so that it is tried again. */
  readonly signature: string | undefined;
  readonly manifests: Manifests;
  /** Why nothing of it could be read; `manifests` is what it gave before. */
  readonly problem?: string;
  /** A BPF that is missing in `manifests` may still be meant. */
  readonly incomplete: boolean;
}

/** A ConfigMap holds 1 MiB, in base64 a third more: this is a List of a dozen. */
export const maxFileBytes = 16 * 1024 * 1024;

const nothing: Manifests = { bpfs: [], configMaps: [], unknown: [], skipped: [] };

/**
 * Reads a manifest file again if it may have changed. What cannot be read keeps what it last gave: the whole file, or of a
 * file with a document that makes no sense what no other document of it says now. Undefined: there is no such file any more.
 */
export async function readManifestFile(
  folder: string,
  name: string,
  last: ManifestFile | undefined,
): Promise<ManifestFile | undefined> {
  const path = join(folder, name);
  try {
    const signature = await signatureOf(path);
    if (signature === undefined) return undefined;
    if (last !== undefined && signature === last.signature) return last;
    const manifests = readManifests(name, readYamlDocuments(await readText(path)));
    if (manifests.unknown.length === 0) return { signature, manifests, incomplete: false };
    const incomplete = manifests.unknown.some(({ mayBeBpf }) => mayBeBpf);
    return { signature, manifests: withLast(manifests, last?.manifests ?? nothing), incomplete };
  } catch (thrown) {
    const problem = `read ${name}: ${messageOf(thrown)}`;
    return { signature: undefined, manifests: last?.manifests ?? nothing, problem, incomplete: true };
  }
}

const withLast = (now: Manifests, last: Manifests): Manifests => ({
  ...now,
  bpfs: withMissing(now.bpfs, last.bpfs),
  configMaps: withMissing(now.configMaps, last.configMaps),
});

function withMissing<T>(now: readonly Manifest<T>[], last: readonly Manifest<T>[]): readonly Manifest<T>[] {
  const refs = new Set(now.map(({ ref }) => ref));
  return [...now, ...last.filter(({ ref }) => !refs.has(ref))];
}

/** Follows symlinks: in a mounted ConfigMap every file is one, and an update changes what they lead to, not them. */
async function signatureOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  } catch (thrown) {
    // A symlink that leads nowhere is not a file that somebody deleted.
    if (isNotFound(thrown) && !(await exists(path))) return undefined;
    throw thrown;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (thrown) {
    if (isNotFound(thrown)) return false;
    throw thrown;
  }
}

async function readText(path: string): Promise<string> {
  // Opening a FIFO would wait for a writer.
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (!(await file.stat()).isFile()) throw new Error('not a regular file');
  const bytes = await readAtMost(file, maxFileBytes + 1);
  if (bytes.length > maxFileBytes) throw new Error(`larger than ${maxFileBytes} bytes`);
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

/** Its size may change while it is read. */
async function readAtMost(file: FileHandle, limitBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let left = limitBytes;
  while (left > 0) {
    const { bytesRead, buffer } = await file.read({ buffer: Buffer.allocUnsafe(Math.min(left, readChunkBytes)) });
    if (bytesRead === 0) break;
    chunks.push(buffer.subarray(0, bytesRead));
    left -= bytesRead;
  }
  return Buffer.concat(chunks);
}

const readChunkBytes = 64 * 1024;

const isNotFound = (thrown: unknown): boolean => codeOf(thrown) === 'ENOENT';
