import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { templateSchema } from '../../crds/load-config.ts';
import { CodedError, codeOf, messageOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import { sha256 } from '../../runtime/sha256.ts';
import type { WantedProgram } from '../source/source.ts';

const noteSchema = z.object({
  ref: z.string(),
  namespace: z.string(),
  name: z.string(),
  uid: z.string(),
  createdAt: z.string(),
  revision: z.string(),
  payload: z.object({ sha256: z.string(), sizeBytes: z.number() }),
  template: templateSchema.optional(),
});
type Note = z.infer<typeof noteSchema>;

const noteSuffix = '.json';
const objectSuffix = '.o';

/**
 * Of each BPF the revision that last came to run, with its object, on disk: where a newer one is refused and the agent
 * starts again, this one goes on. A convenience: what the disk refuses is logged, and the agent works without.
 */
export class LastGood {
  readonly #folder: string;
  readonly #logger: Logger;

  /** `folder` is the instance's own for this. */
  constructor(folder: string, logger: Logger) {
    this.#folder = folder;
    this.#logger = logger;
  }

  /** Takes the place of what was remembered of this BPF. */
  remember({ fetch: _, ...wish }: WantedProgram, object: Uint8Array): void {
    this.#trying('remember', wish.ref, () => {
      const note = JSON.stringify(noteSchema.parse(wish));
      if (this.#noteText(wish.ref) === note) return;
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      // The object first: a note without its object would be one of nothing.
      this.#replace(this.#path(wish.ref, objectSuffix), object);
      this.#replace(this.#path(wish.ref, noteSuffix), note);
    });
  }

  /** What ran last; undefined where nothing is known. Its `fetch` reads the disk and checks the digest. */
  recall(ref: string): WantedProgram | undefined {
    return this.#trying('recall', ref, () => {
      const text = this.#noteText(ref);
      if (text === undefined) return undefined;
      const note = noteSchema.parse(JSON.parse(text));
      return { ...note, fetch: async () => this.#object(note) };
    });
  }

  /** Forgets every BPF that `keep` does not want. */
  sweep(keep: (ref: string, uid: string) => boolean): void {
    for (const file of this.#files()) {
      if (!file.endsWith(noteSuffix)) continue;
      this.#trying('forget', file, () => {
        const { ref, uid } = noteSchema.parse(JSON.parse(readFileSync(join(this.#folder, file), 'utf8')));
        if (keep(ref, uid)) return;
        rmSync(this.#path(ref, noteSuffix), { force: true });
        rmSync(this.#path(ref, objectSuffix), { force: true });
      });
    }
  }

  #object({ ref, payload }: Note): Uint8Array {
    const bytes = readFileSync(this.#path(ref, objectSuffix));
    if (sha256(bytes) === payload.sha256) return bytes;
    const message = `read the last good object of ${ref}: its sha256 is not ${payload.sha256}`;
    throw new CodedError('DigestMismatch', message, { ref });
  }

  #noteText(ref: string): string | undefined {
    try {
      return readFileSync(this.#path(ref, noteSuffix), 'utf8');
    } catch (thrown) {
      if (codeOf(thrown) === 'ENOENT') return undefined;
      throw thrown;
    }
  }

  #files(): string[] {
    try {
      return readdirSync(this.#folder);
    } catch (thrown) {
      if (codeOf(thrown) !== 'ENOENT') this.#logger.warn(`read ${this.#folder}: ${messageOf(thrown)}`);
      return [];
    }
  }

  /** By digest: a name of 63 characters in a namespace of 63 is longer than some file systems allow with a suffix. */
  #path(ref: string, suffix: string): string {
    return join(this.#folder, sha256(Buffer.from(ref)).slice(0, 32) + suffix);
  }

  #replace(path: string, content: string | Uint8Array): void {
    writeFileSync(`${path}.new`, content, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  #trying<T>(verb: string, noun: string, work: () => T): T | undefined {
    try {
      return work();
    } catch (thrown) {
      this.#logger.warn(`${verb} the last good revision of ${noun}: ${messageOf(thrown)}`);
      return undefined;
    }
  }
}
