import { type Decoder, naming, textOf } from './decoder.ts';
import { integerIn } from './numbers-in.ts';
import type { PciIds, PciNames } from './pci-ids.ts';

/** A vendor and a device. */
const maxId = 0xffff_ffffn;
const missing = 'missing pci.ids db';
const hex = (number: number, digits: number): string => `0x${number.toString(16).padStart(digits, '0')}`;

/** A decimal number to what `name` makes of it, or text that says that there is no database or no number. */
const pciDecoder = (ids: PciIds, what: string, name: (names: PciNames, id: number) => string): Decoder =>
  naming(ids.source, (input) => {
    const names = ids.names();
    if (names === undefined) return missing;
    const text = textOf(input);
    const id = integerIn(text);
    const isNumber = id !== undefined && id >= 0n && id <= maxId;
    return isNumber ? name(names, Number(id)) : `unknown pci ${what}: ${text}`;
  });

export const pciVendorDecoder = (ids: PciIds): Decoder =>
  pciDecoder(ids, 'vendor', ({ vendors }, id) => vendors.get(id) ?? `unknown pci vendor: ${hex(id, 4)}`);

/** Of vendor << 16 | device. */
export const pciDeviceDecoder = (ids: PciIds): Decoder =>
  pciDecoder(ids, 'device', ({ devices }, id) => devices.get(id) ?? `unknown pci device: ${hex(id, 4)}`);

export const pciClassDecoder = (ids: PciIds): Decoder =>
  pciDecoder(ids, 'class', ({ classes }, id) => classes.get(id) ?? `unknown pci class: ${hex(id, 2)}`);

/** Of class << 8 | subclass. */
export const pciSubclassDecoder = (ids: PciIds): Decoder =>
  pciDecoder(ids, 'subclass', ({ classes, subclasses }, id) => {
    const classId = Math.floor(id / 0x100);
    if (!classes.has(classId)) return `unknown pci class: ${hex(classId, 2)}`;
    return subclasses.get(id) ?? `unknown pci subclass: ${hex(id % 0x100, 2)} (class ${hex(classId, 2)})`;
  });
