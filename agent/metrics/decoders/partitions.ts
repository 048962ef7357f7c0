import { messageOf } from '../../../runtime/errors.ts';
import { Fresh } from './fresh.ts';
import type { Machine } from './machine.ts';

const file = '/proc/partitions';
const ages = { maxAgeMs: 10_000, missAgeMs: 1000 };
const maxPartitions = 16_384;

/** Names of block devices by their numbers. */
export class Partitions {
  readonly #machine: Machine;
  readonly #names: Fresh<ReadonlyMap<string, string>>;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#names = new Fresh(() => this.#read(), machine.clock, ages);
  }

  /** `unknown:MAJOR:MINOR` for one that is not there. */
  name(major: number, minor: number): string {
    const key = `${major}:${minor}`;
    return this.#names.find((names) => names.get(key)) ?? `unknown:${key}`;
  }

  /** `major minor  #blocks  name` (proc_pid(5) "/proc/partitions"). */
  #read(): ReadonlyMap<string, string> {
    const names = new Map<string, string>();
    try {
      const text = Buffer.from(this.#machine.readFile(file)).toString();
      for (const [, major, minor, name = ''] of text.matchAll(/^ *(\d+) +(\d+) +\d+ +(\S+)$/gm)) {
        if (names.size >= maxPartitions) break;
        names.set(`${major}:${minor}`, name);
      }
    } catch (thrown) {
      this.#machine.warn(`name block devices: ${messageOf(thrown)}`);
    }
    return names;
  }
}
