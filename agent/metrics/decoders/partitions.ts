import { messageOf } from '../../../runtime/errors.ts';
import { Fresh } from './fresh.ts';
import { linesOf, type Machine } from './machine.ts';

const file = '/proc/partitions';
const maxAgeMs = 10_000;
const maxPartitions = 16_384;

/** Names of block devices by their numbers. */
export class Partitions {
  readonly names: Fresh<string, ReadonlyMap<string, string>>;
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.names = new Fresh({ read: (before) => this.#read(before), clock: machine.clock, maxAgeMs });
  }

  /** `unknown:MAJOR:MINOR` for one that is not there. */
  name(major: number, minor: number): string {
    const key = `${major}:${minor}`;
    return this.names.find(key, (names) => names.get(key)) ?? `unknown:${key}`;
  }

  /** `major minor  #blocks  name` (proc_pid(5) "/proc/partitions"). */
  async #read(before: ReadonlyMap<string, string> = new Map()): Promise<ReadonlyMap<string, string>> {
    const names = new Map<string, string>();
    try {
      for await (const lines of linesOf(this.#machine.read(file))) {
        for (const line of lines) {
          const [, major, minor, name] = /^ *(\d+) +(\d+) +\d+ +(\S+)$/.exec(line) ?? [];
          if (name !== undefined && names.size < maxPartitions) names.set(`${major}:${minor}`, name);
        }
      }
    } catch (thrown) {
      this.#machine.warn(`name block devices: ${messageOf(thrown)}`);
      return before;
    }
    return names;
  }
}
