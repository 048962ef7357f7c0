import { messageOf } from '../../../runtime/errors.ts';
import { Fresh } from './fresh.ts';
import { eachOf, linesOf, type Machine } from './machine.ts';

const mounts = '/proc/self/mountinfo';
/** An id is never another cgroup's in one boot, so a path found stays right, but for renames, which only v1 has. */
const maxAgeMs = 600_000;
/** So long the name of a cgroup that is gone is kept: its counters are still in maps. As ebpf_exporter does. */
const keepGoneMs = 600_000;
const maxCgroups = 65_536;
/** The root of a hierarchy has this id, wherever it is mounted. */
const rootInode = 1n;

interface Cgroup {
  readonly path: string;
  readonly seenAtMs: number;
}

/**
 * Paths of cgroups by id. The id is the inode's number (on 64 bits since Linux 5.5), which counts anew in each
 * hierarchy. bpf_get_current_cgroup_id() and the kernel's cgroup v2 objects speak of the v2 hierarchy, so where one is
 * mounted, hybrid hosts included, only that one is looked at: a v1 cgroup of the same number would be a wrong name. On a
 * host with v1 alone it is the memory controller's hierarchy, or the first where that is off.
 */
export class Cgroups {
  readonly names: Fresh<bigint, ReadonlyMap<bigint, Cgroup>>;
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.names = new Fresh({ read: (before) => this.#read(before), clock: machine.clock, maxAgeMs });
  }

  /** From the root of the file system: `/sys/fs/cgroup/system.slice`. */
  path(id: bigint): string | undefined {
    return this.names.find(id, (cgroups) => cgroups.get(id))?.path;
  }

  async #read(before: ReadonlyMap<bigint, Cgroup> = new Map()): Promise<ReadonlyMap<bigint, Cgroup>> {
    const nowMs = this.#machine.clock.monotonic();
    const found = new Map<bigint, Cgroup>();
    try {
      const root = await this.#hierarchy();
      if (root === undefined) this.#machine.warn('name cgroups: no cgroup file system is mounted');
      else await this.#walk(root, nowMs, found);
    } catch (thrown) {
      this.#machine.warn(`name cgroups: ${messageOf(thrown)}`);
    }
    for (const [id, cgroup] of before) {
      if (found.size >= maxCgroups) break;
      if (!found.has(id) && nowMs - cgroup.seenAtMs < keepGoneMs) found.set(id, cgroup);
    }
    return found;
  }

  async #hierarchy(): Promise<string | undefined> {
    const mounted: Mount[] = [];
    for await (const lines of linesOf(this.#machine.read(mounts))) mounted.push(...lines.flatMap(mountIn));
    const unified = mounted.filter(({ type }) => type === 'cgroup2');
    const memory = mounted.find(({ options }) => options.includes('memory'));
    return (await this.#whole(unified)) ?? (unified[0] ?? memory ?? mounted[0])?.path;
  }

  /** A container sees its own part of the tree, and maybe the host's, mounted elsewhere. */
  async #whole(unified: readonly Mount[]): Promise<string | undefined> {
    for (const { path } of unified) if ((await this.#machine.stat(path)).inode === rootInode) return path;
    return undefined;
  }

  async #walk(root: string, nowMs: number, found: Map<bigint, Cgroup>): Promise<void> {
    const open = [root];
    await eachOf(open, async (path) => {
      try {
        const { inode, links } = await this.#machine.stat(path);
        if (found.size < maxCgroups) found.set(inode, { path, seenAtMs: nowMs });
        // Most cgroups have none in them, and listing their fifty files is the costly part.
        if (links <= 2 || open.length >= maxCgroups) return;
        for await (const name of this.#machine.folders(path)) if (open.push(`${path}/${name}`) >= maxCgroups) break;
      } catch {
        // Gone meanwhile, with all that was in it.
      }
    });
  }
}

interface Mount {
  readonly path: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** `31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw` (proc_pid_mountinfo(5)); cgroups' only. */
function mountIn(line: string): Mount[] {
  const [before = '', behind = ''] = line.split(' - ');
  const [type = '', , options = ''] = behind.split(' ');
  const path = before.split(' ')[4];
  return path === undefined || !type.startsWith('cgroup') ? [] : [{ path, type, options: options.split(',') }];
}
