/** A file of an initramfs. The folders above it come by themselves. */
export interface CpioFile {
  /** Without a slash in front. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly executable?: boolean;
}

const magic = '070701';
const alignmentBytes = 4;
const folderMode = 0o040755;
const fileMode = 0o100644;
const executableMode = 0o100755;

/**
 * A cpio archive of the format `newc`, in the pieces that it is written of: what the kernel unpacks as its initramfs
 * (Documentation/driver-api/early-userspace/buffer-format.rst). A header is the magic and thirteen numbers of eight hex
 * digits; behind the name and behind the content comes padding.
 */
export function cpioArchive(files: readonly CpioFile[]): Uint8Array[] {
  const folders = new Set(files.flatMap(({ path }) => foldersAbove(path)));
  const pieces: Uint8Array[] = [];
  let inode = 0;
  const add = (path: string, mode: number, content: Uint8Array) => {
    const name = Buffer.from(`${path}\0`);
    const links = mode === folderMode ? 2 : 1;
    // inode, mode, uid, gid, links, mtime, size, four of devices, length of the name, checksum
    const numbers = [++inode, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, name.length, 0];
    const header = Buffer.from(magic + numbers.map((number) => number.toString(16).padStart(8, '0')).join(''));
    pieces.push(header, name, padding(header.length + name.length), content, padding(content.length));
  };
  for (const folder of folders) add(folder, folderMode, new Uint8Array());
  for (const { path, content, executable } of files) add(path, executable ? executableMode : fileMode, content);
  add('TRAILER!!!', 0, new Uint8Array());
  return pieces;
}

/** `a/b/c` has `a` and `a/b`, the outermost first. */
const foldersAbove = (path: string): string[] =>
  path
    .split('/')
    .slice(0, -1)
    .map((_, i, parts) => parts.slice(0, i + 1).join('/'));

const padding = (length: number) => new Uint8Array(-length & (alignmentBytes - 1));
