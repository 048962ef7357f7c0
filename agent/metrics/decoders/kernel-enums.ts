import type { Enumerators } from '../../../bpf/object/enumerators.ts';
import { findEnums } from '../../../bpf/object/find-enums.ts';
import { messageOf } from '../../../runtime/errors.ts';
import { Fresh } from './fresh.ts';
import type { Machine } from './machine.ts';

const file = '/sys/kernel/btf/vmlinux';
/** A kernel's types never change. */
const maxAgeMs = Number.POSITIVE_INFINITY;
/** Of different names; nobody has so many. */
const maxEnums = 256;
/** A kernel's is 5 to 10 MiB. */
const maxFileBytes = 64 << 20;

const none: Enumerators = new Map();

/** Names of the running kernel's enumerators, from its BTF. Only those asked for are kept: all of it is megabytes. */
export class KernelEnums {
  readonly names: Fresh<string, ReadonlyMap<string, Enumerators>>;
  readonly #machine: Machine;
  /** With whether nobody else has names for it. */
  readonly #wanted = new Map<string, boolean>();

  constructor(machine: Machine) {
    this.#machine = machine;
    this.names = new Fresh({ read: () => this.#read(), clock: machine.clock, maxAgeMs });
  }

  /**
   * That enumerators of this type will be asked for: it is looked for now, rather than when it is first scraped. With
   * `isOnly` it is told where the kernel has none.
   */
  want(type: string, isOnly: boolean): void {
    const before = this.#wanted.get(type);
    if (before === undefined && this.#wanted.size >= maxEnums) return;
    this.#wanted.set(type, isOnly || before === true);
    if (before !== undefined) return;
    this.of(type);
    void this.names.prepare();
  }

  /** Empty for a type that the kernel has not. */
  of(type: string): Enumerators {
    return this.names.find(type, (enums) => enums.get(type)) ?? none;
  }

  /** What is not there is so for good. */
  async #read(): Promise<ReadonlyMap<string, Enumerators>> {
    const wanted = new Map(this.#wanted);
    const enums = new Map(Array.from(wanted.keys(), (type) => [type, none]));
    try {
      const search = findEnums(await this.#blob(), wanted, file);
      let step = search.next();
      for (; !step.done; step = search.next()) await this.#machine.pause();
      for (const [type, isOnly] of wanted) {
        const found = step.value.get(type);
        if (found !== undefined) enums.set(type, found);
        else if (isOnly) this.#machine.warn(`name enumerators: the running kernel's BTF has no enum ${type}`);
      }
    } catch (thrown) {
      if (Array.from(wanted.values()).includes(true)) this.#machine.warn(`name enumerators: ${messageOf(thrown)}`);
    }
    return enums;
  }

  async #blob(): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let sizeBytes = 0;
    for await (const piece of this.#machine.read(file)) {
      sizeBytes += piece.length;
      if (sizeBytes > maxFileBytes) throw new RangeError(`${file} is larger than ${maxFileBytes} bytes`);
      pieces.push(Buffer.from(piece));
    }
    return Buffer.concat(pieces);
  }
}
