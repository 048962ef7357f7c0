import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { Clock } from '../../../runtime/clock.ts';

/** What decoders ask of the machine. Files fail as node:fs does. */
export interface Machine {
  readFile(path: string): Uint8Array;
  /** Names of what a folder holds. */
  list(folder: string): readonly string[];
  /** Names of the folders in a folder. */
  folders(folder: string): readonly string[];
  /** Links are followed. Of a folder, `links` is two more than the folders in it, on file systems of the kernel's own. */
  stat(path: string): { readonly inode: bigint; readonly links: number };
  readonly clock: Pick<Clock, 'monotonic'>;
  /** As Node names it: `x64`, `arm64`. */
  readonly architecture: string;
  /** For a person, of what is missing and how to come by it. */
  warn(message: string): void;
}

export const thisMachine = (clock: Pick<Clock, 'monotonic'>, warn: (message: string) => void): Machine => ({
  readFile: (path) => readFileSync(path),
  list: (folder) => readdirSync(folder),
  folders: (folder) =>
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name),
  stat: (path) => {
    const stats = statSync(path, { bigint: true });
    return { inode: stats.ino, links: Number(stats.nlink) };
  },
  clock,
  architecture: process.arch,
  warn,
});
