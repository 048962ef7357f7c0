import { messageOf } from '../../../runtime/errors.ts';
import { Fresh } from './fresh.ts';
import { eachOf, type Machine, textOf } from './machine.ts';

const folder = '/sys/class/net';
/** Interfaces come with every container. */
const maxAgeMs = 10_000;
const maxInterfaces = 16_384;

/** Names of network interfaces by index, in the namespace that the agent runs in. */
export class Interfaces {
  readonly names: Fresh<number, ReadonlyMap<number, string>>;
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.names = new Fresh({ read: (before) => this.#read(before), clock: machine.clock, maxAgeMs });
  }

  name(index: number): string | undefined {
    return this.names.find(index, (names) => names.get(index));
  }

  async #read(before: ReadonlyMap<number, string> = new Map()): Promise<ReadonlyMap<number, string>> {
    const found: string[] = [];
    try {
      for await (const name of this.#machine.list(folder)) if (found.push(name) >= maxInterfaces) break;
    } catch (thrown) {
      this.#machine.warn(`name network interfaces: ${messageOf(thrown)}`);
      return before;
    }
    const names = new Map<number, string>();
    await eachOf(found, async (name) => {
      try {
        names.set(Number(await textOf(this.#machine.read(`${folder}/${name}/ifindex`))), name);
      } catch {
        // Gone since the folder was read, or no interface: bonding_masters is a file beside them.
      }
    });
    return names;
  }
}
