import { readBtf } from '../../../bpf/object/btf.ts';
import { kinds } from '../../../bpf/object/btf-kinds.ts';
import { messageOf } from '../../../runtime/errors.ts';
import type { Machine } from './machine.ts';

const file = '/sys/kernel/btf/vmlinux';
/** Nobody names so many; beyond, each is read anew. */
const maxEnums = 256;

/** Names of the running kernel's enumerators, from its BTF. Only those asked for are kept: all of it is megabytes. */
export class KernelEnums {
  readonly #machine: Machine;
  /** A kernel's types never change, so nothing here goes stale. */
  readonly #known = new Map<string, ReadonlyMap<bigint, string>>();

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Nothing for a type that the kernel has not. Reads megabytes the first time: not for a scrape. */
  enumerators(type: string): ReadonlyMap<bigint, string> {
    const known = this.#known.get(type);
    if (known !== undefined) return known;
    const read = this.#read(type);
    if (this.#known.size < maxEnums) this.#known.set(type, read);
    return read;
  }

  #read(type: string): ReadonlyMap<bigint, string> {
    try {
      const btf = readBtf(this.#machine.readFile(file), file);
      for (const kind of [kinds.enum, kinds.enum64]) {
        for (const record of btf.recordsOf(kind)) {
          if (record.count === 0 || btf.name(record.nameOffset) !== type) continue;
          const layout = btf.layout(record.id);
          if (layout.kind === 'enum') return layout.enumerators;
        }
      }
      this.#machine.warn(`name enumerators: the running kernel's BTF has no enum ${type}`);
    } catch (thrown) {
      this.#machine.warn(`name enumerators of enum ${type}: ${messageOf(thrown)}`);
    }
    return new Map();
  }
}
