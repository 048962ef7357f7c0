import { codeOf, messageOf } from '../../../runtime/errors.ts';
import { Fresh } from './fresh.ts';
import { eachOf, type Machine } from './machine.ts';

/** Where `ip netns`, CNI plugins and docker mount namespaces under a name. */
const folders = ['/run/netns', '/run/docker/netns'];
const maxAgeMs = 10_000;
const maxNamespaces = 16_384;

/** Names of network namespaces by the number of their inode (`ns.inum` in the kernel's struct net). */
export class NetNamespaces {
  readonly names: Fresh<bigint, ReadonlyMap<bigint, string>>;
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.names = new Fresh({ read: () => this.#read(), clock: machine.clock, maxAgeMs });
  }

  /** `self` for the one that the agent runs in. */
  name(inode: bigint): string | undefined {
    return this.names.find(inode, (names) => names.get(inode));
  }

  async #read(): Promise<ReadonlyMap<bigint, string>> {
    const names = new Map<bigint, string>();
    const add = async (path: string, name: string): Promise<void> => {
      try {
        names.set((await this.#machine.stat(path)).inode, name);
      } catch {
        // Gone meanwhile, or not ours to look at: then it has no name.
      }
    };
    for (const folder of folders) await eachOf(await this.#list(folder), (name) => add(`${folder}/${name}`, name));
    await add('/proc/self/ns/net', 'self');
    return names;
  }

  async #list(folder: string): Promise<readonly string[]> {
    const names: string[] = [];
    try {
      for await (const name of this.#machine.list(folder)) if (names.push(name) >= maxNamespaces) break;
    } catch (thrown) {
      // It comes with the first namespace that gets a name.
      if (codeOf(thrown) !== 'ENOENT') this.#machine.warn(`name network namespaces: ${messageOf(thrown)}`);
    }
    return names;
  }
}
