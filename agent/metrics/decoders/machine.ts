import { open, opendir, stat } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../../runtime/clock.ts';

/** What decoders ask of the machine, off the event loop and piece by piece. Files fail as node:fs does. */
export interface Machine {
  /** A file's bytes, in order; a piece is good until the next one is asked for. */
  read(path: string): AsyncIterable<Uint8Array>;
  /** Names of what a folder holds. */
  list(folder: string): AsyncIterable<string>;
  /** Names of the folders in a folder. */
  folders(folder: string): AsyncIterable<string>;
  /** Links are followed. Of a folder, `links` is two more than the folders in it, on file systems of the kernel's own. */
  stat(path: string): Promise<{ readonly inode: bigint; readonly links: number }>;
  /** Lets others run. */
  pause(): Promise<void>;
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  /** As Node names it: `x64`, `arm64`. */
  readonly architecture: string;
  /** For a person, of what is missing and how to come by it. */
  warn(message: string): void;
}

/** Of a file that is read at a time; what is made of it takes about a millisecond. (/proc gives 4 KiB at most.) */
const pieceBytes = 65_536;
/** Entries of a folder that are read at a time. */
const entriesAtOnce = 256;
/** Requests to the file system that are under way at a time: what they bring is dealt with in one go. */
const requestsAtOnce = 64;

export const thisMachine = (clock: Machine['clock'], warn: (message: string) => void): Machine => ({
  read: readPieces,
  list: (folder) => namesIn(folder, false),
  folders: (folder) => namesIn(folder, true),
  stat: async (path) => {
    const { ino, nlink } = await stat(path, { bigint: true });
    return { inode: ino, links: Number(nlink) };
  },
  pause: () => nextTurn(),
  clock,
  architecture: process.arch,
  warn,
});

/** Does `work` for each item, some at a time. Rejects as `work` does; items may be added meanwhile. */
export async function eachOf<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  for (let done = 0; done < items.length; ) {
    const some = items.slice(done, done + requestsAtOnce);
    done += some.length;
    await Promise.all(some.map(work));
  }
}

/** The lines of a text, as many at a time as a piece has. The last one may be empty. */
export async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<readonly string[]> {
  const utf8 = new TextDecoder();
  let rest = '';
  for await (const piece of pieces) {
    const lines = (rest + utf8.decode(piece, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield lines;
  }
  yield [rest + utf8.decode()];
}

/** All of a small file. */
export async function textOf(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const lines: string[] = [];
  for await (const some of linesOf(pieces)) lines.push(...some);
  return lines.join('\n');
}

async function* readPieces(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path);
  try {
    const piece = Buffer.allocUnsafe(pieceBytes);
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, pieceBytes, null);
      if (bytesRead === 0) return;
      yield piece.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function* namesIn(folder: string, onlyFolders: boolean): AsyncGenerator<string> {
  for await (const entry of await opendir(folder, { bufferSize: entriesAtOnce })) {
    if (!onlyFolders || entry.isDirectory()) yield entry.name;
  }
}
