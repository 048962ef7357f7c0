import { messageOf } from '../../../runtime/errors.ts';
import { Fresh } from './fresh.ts';
import type { Machine } from './machine.ts';
import { isKernelAddress, SymbolReader, type SymbolTable } from './symbol-table.ts';

const file = '/proc/kallsyms';
/** Modules and BPF programs come and go, and may take each other's addresses. */
const maxAgeMs = 300_000;
/** No further from a symbol than this is an address its: functions are small, and behind the last one is nothing. */
const maxDistanceBytes = 1 << 20;

/** Names of the kernel's addresses. */
export class KernelSymbols {
  readonly names: Fresh<bigint, SymbolTable>;
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.names = new Fresh({ read: () => this.#read(), clock: machine.clock, maxAgeMs });
    // Now, while a BPF is loaded, rather than when it is first scraped.
    void this.names.prepare();
  }

  /** The symbol at exactly this address; of several the first in kallsyms, as the kernel prints it. */
  at(address: bigint): string | undefined {
    return this.#find(address, 0);
  }

  /** The symbol that this address is in. */
  around(address: bigint): string | undefined {
    return this.#find(address, maxDistanceBytes);
  }

  #find(address: bigint, maxDistance: number): string | undefined {
    if (!isKernelAddress(address)) return undefined;
    return this.names.find(address, (table) => table.find(address, maxDistance));
  }

  async #read(): Promise<SymbolTable> {
    const reader = new SymbolReader();
    try {
      for await (const piece of this.#machine.read(file)) reader.add(piece);
    } catch (thrown) {
      this.#machine.warn(`name kernel symbols: ${messageOf(thrown)}`);
      return reader.table();
    }
    const table = reader.table();
    // kernel.kptr_restrict: whoever may not know gets zeros.
    if (table.size === 0) {
      this.#machine.warn(`name kernel symbols: all addresses in ${file} are hidden [give the agent CAP_SYSLOG]`);
    }
    return table;
  }
}
