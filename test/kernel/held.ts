import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { codeOf } from '../../runtime/errors.ts';

/** What one process holds in the kernel, by kind, counted from its fds (proc_pid_fdinfo(5)). */
export interface Held {
  readonly programs: number;
  readonly maps: number;
  readonly links: number;
  readonly packetSockets: number;
  readonly fds: number;
  /** `prog 12`, `map 3`, `link 4`: the kernel's ids of them. */
  readonly ids: readonly string[];
}

/** Counts what `pid` holds: distinct programs, maps and links, and its packet sockets. */
export function heldBy(pid: number): Held {
  const ids = { prog_id: new Set<string>(), map_id: new Set<string>(), link_id: new Set<string>() };
  const sockets = new Set<string>();
  const fds = readdirSync(`/proc/${pid}/fd`);
  for (const fd of fds) {
    const target = orGone(() => readlinkSync(`/proc/${pid}/fd/${fd}`));
    if (target?.startsWith('socket:[')) sockets.add(target.slice('socket:['.length, -1));
    const info = orGone(() => readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')) ?? '';
    // A link's fdinfo names its program too; the kind that the fd is of comes first.
    const kind = (['link_id', 'map_id', 'prog_id'] as const).find((name) => info.includes(`${name}:`));
    const id = kind && new RegExp(`^${kind}:\\s*(\\d+)`, 'm').exec(info)?.[1];
    if (kind !== undefined && id !== undefined) ids[kind].add(id);
  }
  // Columns of /proc/net/packet end with the inode.
  const packets = readFileSync('/proc/net/packet', 'utf8').trim().split('\n').slice(1);
  const inodes = packets.map((line) => line.trim().split(/\s+/).at(-1) ?? '');
  return {
    programs: ids.prog_id.size,
    maps: ids.map_id.size,
    links: ids.link_id.size,
    packetSockets: inodes.filter((inode) => sockets.has(inode)).length,
    fds: fds.length,
    ids: [
      ...Array.from(ids.prog_id, (id) => `prog ${id}`),
      ...Array.from(ids.map_id, (id) => `map ${id}`),
      ...Array.from(ids.link_id, (id) => `link ${id}`),
    ].sort(),
  };
}

/** Which of these ids the kernel still has, as bpftool lists them. */
export function stillInKernel(ids: readonly string[]): string[] {
  const kinds = ['prog', 'map', 'link'];
  const lists = kinds.map((kind) => {
    const list: { id: number }[] = JSON.parse(execFileSync('bpftool', ['-j', kind, 'list'], { encoding: 'utf8' }));
    return list.map(({ id }) => `${kind} ${id}`);
  });
  const all = new Set(lists.flat());
  return ids.filter((id) => all.has(id));
}

/** An fd may be closed while we look. */
function orGone(read: () => string): string | undefined {
  try {
    return read();
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return undefined;
    throw thrown;
  }
}
