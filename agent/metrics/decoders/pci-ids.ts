import { codeOf, messageOf } from '../../../runtime/errors.ts';
import { Fresh } from './fresh.ts';
import { linesOf, type Machine } from './machine.ts';

/** Debian and its kind; Fedora and its kind; Alpine and others. */
const files = ['/usr/share/misc/pci.ids', '/usr/share/hwdata/pci.ids', '/usr/share/pci.ids'];
/** It changes with a package. */
const maxAgeMs = 86_400_000;
/** There are 25,000 today. */
const maxNames = 131_072;

/** Names by number; of devices by vendor << 16 | device, of subclasses by class << 8 | subclass. */
export interface PciNames {
  readonly vendors: ReadonlyMap<number, string>;
  readonly devices: ReadonlyMap<number, string>;
  readonly classes: ReadonlyMap<number, string>;
  readonly subclasses: ReadonlyMap<number, string>;
}

/** The PCI ID database (https://pci-ids.ucw.cz). */
export class PciIds {
  readonly source: Fresh<'names', { readonly names: PciNames | undefined }>;
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
    const read = async () => ({ names: await this.#read() });
    this.source = new Fresh({ read, clock: machine.clock, maxAgeMs });
  }

  /** Undefined where the machine has no database. */
  names(): PciNames | undefined {
    return this.source.find('names', (table) => table)?.names;
  }

  async #read(): Promise<PciNames | undefined> {
    for (const file of files) {
      try {
        return await parsePciIds(linesOf(this.#machine.read(file)));
      } catch (thrown) {
        if (codeOf(thrown) !== 'ENOENT') this.#machine.warn(`name PCI devices: ${messageOf(thrown)}`);
      }
    }
    this.#machine.warn(`name PCI devices: there is no pci.ids in ${files.join(', ')}`);
    return undefined;
  }
}

/**
 * `8086  Intel` and, with a tab in front, `\t1237  440FX`; `C 01  Mass storage` and `\t06  SATA`. Two tabs are
 * subsystems and programming interfaces.
 */
async function parsePciIds(text: AsyncIterable<readonly string[]>): Promise<PciNames> {
  const names = { vendors: new Map(), devices: new Map(), classes: new Map(), subclasses: new Map() };
  let vendor: number | undefined;
  let classId: number | undefined;
  let count = 0;
  const add = (line: string): void => {
    const [, outer, inner, name] = /^(?:(C [0-9a-f]{2}|[0-9a-f]{4})|\t([0-9a-f]+)) {2}(.+)$/.exec(line) ?? [];
    if (name === undefined || ++count > maxNames) return;
    if (outer?.startsWith('C ')) {
      [vendor, classId] = [undefined, Number.parseInt(outer.slice(2), 16)];
      names.classes.set(classId, name);
    } else if (outer !== undefined) {
      [vendor, classId] = [Number.parseInt(outer, 16), undefined];
      names.vendors.set(vendor, name);
    } else if (inner !== undefined) {
      const id = Number.parseInt(inner, 16);
      // Not `<<`: a vendor from 8000 on would come out negative.
      if (vendor !== undefined) names.devices.set(vendor * 0x1_0000 + id, name);
      else if (classId !== undefined) names.subclasses.set(classId * 0x100 + id, name);
    }
  };
  for await (const lines of text) for (const line of lines) add(line);
  return names;
}
