import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, messageOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import { sha256 } from '../../runtime/sha256.ts';

/** Sixteen of the largest objects, thousands of common ones. */
export const cacheMaxBytes = 256 * 1024 * 1024;

/**
 * Objects on disk, by the SHA-256 of their bytes, so that an agent comes up without the API server. What is read is
 * checked; what does not fit goes, the longest unused first. It is a cache: when the disk says no, that is logged and
 * the agent works without.
 */
export class PayloadCache {
  readonly #folder: string;
  readonly #logger: Logger;
  readonly #maxBytes: number;
  #kept: ReadonlySet<string> = new Set();

  constructor(folder: string, logger: Logger, maxBytes: number = cacheMaxBytes) {
    this.#folder = folder;
    this.#logger = logger;
    this.#maxBytes = maxBytes;
  }

  /** What must be there after a restart goes last, however long ago it was read. */
  keep(digests: Iterable<string>): void {
    this.#kept = new Set(digests);
  }

  /** Undefined when there is none, or not the right one any more. */
  async read(digest: string): Promise<Uint8Array | undefined> {
    const path = join(this.#folder, digest);
    try {
      const bytes = await readFile(path);
      if (sha256(bytes) === digest) {
        const now = new Date();
        await utimes(path, now, now);
        return bytes;
      }
      this.#logger.warn({ path }, 'a cached object is damaged; fetching it again');
      await rm(path, { force: true });
    } catch (thrown) {
      if (codeOf(thrown) !== 'ENOENT') this.#logger.warn(`read cached object ${path}: ${messageOf(thrown)}`);
    }
    return undefined;
  }

  /** `bytes` must have this digest. A reader sees all of it or nothing. */
  async write(digest: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.#folder, digest);
    const draft = `${path}${draftSuffix}`;
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await writeFile(draft, bytes, { mode: 0o600 });
      await rename(draft, path);
      await this.#evict(digest);
    } catch (thrown) {
      this.#logger.warn(`cache object ${path}: ${messageOf(thrown)}`);
      await rm(draft, { force: true }).catch(() => undefined); // for the same reason, which has been said
    }
  }

  async #evict(newest: string): Promise<void> {
    const names = await readdir(this.#folder);
    const files = await Promise.all(
      names.map(async (name) => {
        const { size, mtimeMs } = await stat(join(this.#folder, name));
        return { name, size, mtimeMs, kept: name === newest || this.#kept.has(name) };
      }),
    );
    let totalBytes = files.reduce((sum, { size }) => sum + size, 0);
    const dispensable = files.toSorted((a, b) => Number(a.kept) - Number(b.kept) || a.mtimeMs - b.mtimeMs);
    for (const { name, size } of dispensable) {
      // One writer at a time, and it has renamed its draft: what is still called one is what a crash left.
      if (totalBytes <= this.#maxBytes && !name.endsWith(draftSuffix)) continue;
      if (name === newest) continue;
      await rm(join(this.#folder, name), { force: true });
      totalBytes -= size;
    }
  }
}

const draftSuffix = '.new';
