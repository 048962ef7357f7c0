import { messageOf } from '../../../runtime/errors.ts';
import { Fresh } from './fresh.ts';
import type { Machine } from './machine.ts';

const folder = '/sys/class/net';
/** Interfaces come with every container. */
const ages = { maxAgeMs: 10_000, missAgeMs: 1000 };
const maxInterfaces = 16_384;

/** Names of network interfaces by index, in the namespace that the agent runs in. */
export class Interfaces {
  readonly #machine: Machine;
  readonly #names: Fresh<ReadonlyMap<number, string>>;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#names = new Fresh(() => this.#read(), machine.clock, ages);
  }

  name(index: number): string | undefined {
    return this.#names.find((names) => names.get(index));
  }

  #read(): ReadonlyMap<number, string> {
    const names = new Map<number, string>();
    for (const name of this.#list()) {
      try {
        names.set(Number(Buffer.from(this.#machine.readFile(`${folder}/${name}/ifindex`)).toString()), name);
      } catch {
        // Gone since the folder was read, or no interface: bonding_masters is a file beside them.
      }
    }
    return names;
  }

  #list(): readonly string[] {
    try {
      return this.#machine.list(folder).slice(0, maxInterfaces);
    } catch (thrown) {
      this.#machine.warn(`name network interfaces: ${messageOf(thrown)}`);
      return [];
    }
  }
}
