import { Fresh } from './fresh.ts';
import type { Machine } from './machine.ts';

/** Where `ip netns`, CNI plugins and docker mount namespaces under a name. */
const folders = ['/run/netns', '/run/docker/netns'];
const ages = { maxAgeMs: 10_000, missAgeMs: 1000 };
const maxNamespaces = 16_384;

/** Names of network namespaces by the number of their inode (`ns.inum` in the kernel's struct net). */
export class NetNamespaces {
  readonly #machine: Machine;
  readonly #names: Fresh<ReadonlyMap<bigint, string>>;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#names = new Fresh(() => this.#read(), machine.clock, ages);
  }

  /** `self` for the one that the agent runs in. */
  name(inode: bigint): string | undefined {
    return this.#names.find((names) => names.get(inode));
  }

  #read(): ReadonlyMap<bigint, string> {
    const names = new Map<bigint, string>();
    const add = (path: string, name: string): void => {
      try {
        names.set(this.#machine.stat(path).inode, name);
      } catch {
        // Gone meanwhile, or not ours to look at: then it has no name.
      }
    };
    for (const folder of folders) {
      for (const name of this.#list(folder).slice(0, maxNamespaces)) add(`${folder}/${name}`, name);
    }
    add('/proc/self/ns/net', 'self');
    return names;
  }

  #list(folder: string): readonly string[] {
    try {
      return this.#machine.list(folder);
    } catch {
      return []; // it comes with the first namespace that gets a name
    }
  }
}
