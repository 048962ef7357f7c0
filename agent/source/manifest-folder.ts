import { readdir } from 'node:fs/promises';
import { messageOf } from '../../runtime/errors.ts';
import { type ManifestFile, readManifestFile } from './manifest-file.ts';

/** Each file is looked at in every scan. */
export const maxFiles = 4096;

/** The manifest files of one folder, flat, as last read. */
export class ManifestFolder {
  readonly path: string;
  #files: ReadonlyMap<string, ManifestFile> = new Map();
  #problem: string | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** By name, in the order of names. */
  get files(): ReadonlyMap<string, ManifestFile> {
    return this.#files;
  }

  /** Why the folder itself could not be read. Its files are then as they were. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Reads what has changed since the last scan; whether anything had. */
  async scan(): Promise<boolean> {
    const problemBefore = this.#problem;
    const names = await this.#names();
    if (names === undefined) return this.#problem !== problemBefore;

    let changed = this.#problem !== problemBefore;
    const files = new Map<string, ManifestFile>();
    for (const name of names) {
      const last = this.#files.get(name);
      const file = await readManifestFile(this.path, name, last);
      if (file === undefined) continue;
      files.set(name, file);
      // An unreadable file is tried at every scan; as long as it fails in the same way nothing has changed.
      changed ||= file !== last && (file.problem === undefined || file.problem !== last?.problem);
    }
    changed ||= files.size !== this.#files.size; // one that went
    this.#files = files;
    return changed;
  }

  async #names(): Promise<string[] | undefined> {
    try {
      const names = (await readdir(this.path)).filter(isManifestName).sort();
      if (names.length > maxFiles) throw new Error(`${names.length} manifest files, more than ${maxFiles}`);
      this.#problem = undefined;
      return names;
    } catch (thrown) {
      this.#problem = `read folder ${this.path}: ${messageOf(thrown)}`;
      return undefined;
    }
  }
}

/** Names with a dot in front are an editor's, or the innards of a mounted ConfigMap. */
const isManifestName = (name: string): boolean => /\.(?:yaml|yml|json)$/.test(name) && !name.startsWith('.');
