import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { CodedError, messageOf } from '../../runtime/errors.ts';

/** A load that killed the agent this many times in a row, within one boot, is not tried again. */
const crashesToQuarantine = 2;
/** More revisions than this are not remembered; the oldest are forgotten. */
const maxRemembered = 256;

const entrySchema = z.object({
  bootId: z.string(),
  agentVersion: z.string(),
  /** Set just before a load, cleared just after: a start that finds it follows a crash in that load. */
  loading: z.string().optional(),
  crashes: z.record(z.string(), z.number().int().positive()),
});
type Entry = z.infer<typeof entrySchema>;

/** The disk takes no note of a load, so the load is not tried: it could end the agent again and again. */
export class JournalUnwritable extends CodedError<'JournalUnwritable', { readonly path: string }> {}

/**
 * Remembers across a crash which load was under way, so that a revision that kills the agent (a fault of libbpf or of the
 * kernel) cannot keep it in a crash loop. One boot and one agent version; another of either starts afresh.
 */
export class Journal {
  readonly #path: string;
  #entry: Entry;

  /** `folder` is the instance's own; made if missing. A journal that cannot be read counts as empty. */
  constructor(folder: string, bootId: string, agentVersion: string) {
    mkdirSync(folder, { recursive: true });
    this.#path = join(folder, 'journal.json');
    this.#entry = { bootId, agentVersion, crashes: {} };
    const found = this.#read();
    if (found === undefined || found.bootId !== bootId || found.agentVersion !== agentVersion) return;
    this.#entry = { ...found, loading: undefined };
    if (found.loading === undefined) return;
    this.#entry.crashes[found.loading] = (found.crashes[found.loading] ?? 0) + 1;
    this.#write();
  }

  /** How often a load of `revision` has killed the agent, if so often that it must not be tried again; else 0. */
  quarantined(revision: string): number {
    const crashes = this.#entry.crashes[revision] ?? 0;
    return crashes >= crashesToQuarantine ? crashes : 0;
  }

  /**
   * Runs a load with a note of it on disk. Throws JournalUnwritable, perhaps after the load: what that made is its own
   * to undo. `revision` names BPF and revision, e.g. `tracing/runqlat@5f2a9c01`.
   */
  async during<T>(revision: string, load: () => Promise<T>): Promise<T> {
    this.#entry.loading = revision;
    this.#write();
    try {
      return await load();
    } finally {
      // Whatever the load said, it did not kill us.
      this.#entry.loading = undefined;
      delete this.#entry.crashes[revision];
      this.#write();
    }
  }

  #read(): Entry | undefined {
    try {
      return entrySchema.parse(JSON.parse(readFileSync(this.#path, 'utf8')));
    } catch {
      return undefined; // missing, or cut short by a crash of the machine, whose boot has ended with it
    }
  }

  #write(): void {
    const names = Object.keys(this.#entry.crashes);
    for (const name of names.slice(0, Math.max(0, names.length - maxRemembered))) delete this.#entry.crashes[name];
    const temporary = `${this.#path}.new`;
    try {
      writeFileSync(temporary, JSON.stringify(this.#entry));
      renameSync(temporary, this.#path);
    } catch (cause) {
      throw new JournalUnwritable(
        'JournalUnwritable',
        `write ${this.#path}: ${messageOf(cause)} [no load without a note of it: make room, or make --state-dir writable]`,
        { path: this.#path },
        cause,
      );
    }
  }
}
