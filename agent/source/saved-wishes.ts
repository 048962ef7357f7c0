import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as z from 'zod';
import { bpfRevisionSchema } from '../../crds/bpf-revision.ts';
import { codeOf, messageOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { ChosenRevision } from './choose-revisions.ts';

/** Of another format the file counts as missing. */
const format = 1;

const savedSchema = z.object({
  format: z.literal(format),
  wanted: z.array(
    z.object({ ref: z.string(), namespace: z.string(), revision: z.string(), object: bpfRevisionSchema }),
  ),
});

/**
 * What this node should run, on disk, so that an agent comes up without the API server. A convenience: when it cannot be
 * written or read, that is logged and the agent waits for the API server.
 */
export class SavedWishes {
  readonly #path: string;
  readonly #logger: Logger;
  #text: string | undefined;

  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
  }

  read(): readonly ChosenRevision[] | undefined {
    try {
      const text = readFileSync(this.#path, 'utf8');
      const { wanted } = savedSchema.parse(JSON.parse(text));
      this.#text = text;
      return wanted;
    } catch (thrown) {
      if (codeOf(thrown) !== 'ENOENT') this.#logger.warn(`read ${this.#path}: ${messageOf(thrown)}`);
      return undefined;
    }
  }

  /** Atomic, and only when it is something else than what is there. */
  write(wanted: readonly ChosenRevision[]): void {
    const text = JSON.stringify({ format, wanted });
    if (text === this.#text) return;
    const draft = `${this.#path}.new`;
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      writeFileSync(draft, text, { mode: 0o600 });
      renameSync(draft, this.#path);
      this.#text = text;
    } catch (thrown) {
      this.#logger.warn(`write ${this.#path}: ${messageOf(thrown)}`);
    }
  }
}
