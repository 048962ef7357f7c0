import { accessSync, constants, mkdirSync, readdirSync, rmdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, messageOf } from '../../runtime/errors.ts';
import { sha256 } from '../../runtime/sha256.ts';

/** statfs(2) f_type of a bpf file system (include/uapi/linux/magic.h, BPF_FS_MAGIC). */
const bpfFsMagic = 0xcafe4a11;
/** bpffs refuses dots; what is not plain becomes `_`, and the hash behind it keeps names apart. */
const plain = (name: string): string => name.replace(/[^a-zA-Z0-9_]/g, '_');
/** NAME_MAX less the hash and a dash. */
const maxPinNameLength = 200;

/**
 * The pinned maps of one instance: `<bpffs>/<instance>/<BPF uid>/<map>-<layout hash>`. They carry counters over a restart
 * of the agent; nothing else is ever pinned. Without a bpffs there are none, and everything else works.
 */
export class Pins {
  readonly #root: string;
  readonly #instanceDir: string;

  /** `root` is the folder for all instances, e.g. /sys/fs/bpf/kube-bpf. */
  constructor(root: string, instance: string) {
    this.#root = root;
    this.#instanceDir = join(root, instance);
  }

  /** Why maps cannot be pinned here; undefined when they can. */
  obstacle(): string | undefined {
    try {
      mkdirSync(this.#root, { recursive: true });
      if (statfsSync(this.#root).type === bpfFsMagic) {
        accessSync(this.#root, constants.W_OK);
        return undefined;
      }
      rmdirSync(this.#root);
      return `${this.#root} is not on a bpf file system [mount -t bpf bpf /sys/fs/bpf]`;
    } catch (thrown) {
      return `${this.#root}: ${messageOf(thrown)}`;
    }
  }

  /** Where a map belongs. Makes the folder. `layout` is whatever must be equal for the old bytes to make sense. */
  pathFor(uid: string, map: string, layout: string): string {
    const folder = join(this.#instanceDir, plain(uid));
    mkdirSync(folder, { recursive: true });
    const hash = sha256(Buffer.from(`${map}\0${layout}`)).slice(0, 16);
    return join(folder, `${plain(map).slice(0, maxPinNameLength)}-${hash}`);
  }

  /** The uids (made plain) that have pins. */
  uids(): string[] {
    return entries(this.#instanceDir);
  }

  /** Removes the pins of a BPF, all but those at `keep`, and whatever else somebody put into its folder. */
  remove(uid: string, keep: ReadonlySet<string> = new Set()): void {
    const folder = join(this.#instanceDir, plain(uid));
    if (keep.size === 0) {
      rmSync(folder, { recursive: true, force: true });
      return;
    }
    for (const name of entries(folder)) {
      const path = join(folder, name);
      if (!keep.has(path)) rmSync(path, { recursive: true, force: true });
    }
  }

  /** Removes the pins of every BPF whose uid is not in `keep`. */
  sweep(keep: Iterable<string>): string[] {
    const kept = new Set(Array.from(keep, plain));
    const gone = this.uids().filter((uid) => !kept.has(uid));
    for (const uid of gone) this.remove(uid);
    return gone;
  }

  /** Removes all pins of this instance and its folders. */
  removeAll(): void {
    this.sweep([]);
    removeFolder(this.#instanceDir);
    // Other instances may live beside us; the common folder goes with the last of them.
    if (entries(this.#root).length === 0) removeFolder(this.#root);
  }
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return [];
    throw thrown;
  }
}

function removeFolder(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (thrown) {
    if (codeOf(thrown) !== 'ENOENT') throw thrown;
  }
}
