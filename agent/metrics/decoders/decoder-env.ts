import { Cgroups } from './cgroups.ts';
import { Interfaces } from './interfaces.ts';
import { KernelEnums } from './kernel-enums.ts';
import { KernelSymbols } from './kernel-symbols.ts';
import type { Machine } from './machine.ts';
import { NetNamespaces } from './net-namespaces.ts';
import { Partitions } from './partitions.ts';
import { PciIds } from './pci-ids.ts';
import { warningOnce } from './warning-once.ts';

/** What decoders look names up in, shared by all of an agent; each table is read when somebody first asks for a name. */
export class DecoderEnv {
  readonly architecture: string;
  readonly cgroups: Cgroups;
  readonly enums: KernelEnums;
  readonly interfaces: Interfaces;
  readonly namespaces: NetNamespaces;
  readonly partitions: Partitions;
  readonly #machine: Machine;
  // Megabytes each: kept as long as a decoder needs them.
  #symbols: WeakRef<KernelSymbols> | undefined;
  #pciIds: WeakRef<PciIds> | undefined;

  /** Warnings are passed on once each. */
  constructor(machine: Machine) {
    const once = warningOnce(machine);
    this.#machine = once;
    this.architecture = machine.architecture;
    this.cgroups = new Cgroups(once);
    this.enums = new KernelEnums(once);
    this.interfaces = new Interfaces(once);
    this.namespaces = new NetNamespaces(once);
    this.partitions = new Partitions(once);
  }

  get symbols(): KernelSymbols {
    const symbols = this.#symbols?.deref() ?? new KernelSymbols(this.#machine);
    if (this.#symbols?.deref() !== symbols) this.#symbols = new WeakRef(symbols);
    return symbols;
  }

  get pciIds(): PciIds {
    const pciIds = this.#pciIds?.deref() ?? new PciIds(this.#machine);
    if (this.#pciIds?.deref() !== pciIds) this.#pciIds = new WeakRef(pciIds);
    return pciIds;
  }
}
