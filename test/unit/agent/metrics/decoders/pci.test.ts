import type { DecoderSpec } from '../../../../../crds/decoder.ts';
import { decoderOf, FakeMachine, scrapedBy } from './decoding.ts';

const pciIds = `#
# List of PCI IDs
0e11  Compaq Computer Corporation
	0001  PCI to EISA Bridge
8086  Intel Corporation
	1237  440FX - 82441FX PMC [Natoma]
		1af4 1100  Qemu virtual machine
	7000  82371SB PIIX3 ISA [Natoma/Triton II]

# List of known device classes
C 01  Mass storage controller
	06  SATA controller
		01  AHCI 1.0
	08  Non-Volatile memory controller
C ff  Unassigned class
`;

type Name = Extract<DecoderSpec['name'], `pci_${string}`>;

test.each<[Name, number | string, string]>([
  ['pci_vendor', 0x8086, 'Intel Corporation'],
  // Below 0x1000, which ebpf_exporter never finds.
  ['pci_vendor', 0x0e11, 'Compaq Computer Corporation'],
  ['pci_vendor', 0x0001, 'unknown pci vendor: 0x0001'],
  ['pci_vendor', 'x', 'unknown pci vendor: x'],
  ['pci_vendor', '-1', 'unknown pci vendor: -1'],
  ['pci_device', '4294967295', 'unknown pci device: 0xffffffff'],
  ['pci_device', '4294967296', 'unknown pci device: 4294967296'],
  ['pci_device', 0x80861237, '440FX - 82441FX PMC [Natoma]'],
  ['pci_device', 0x80867000, '82371SB PIIX3 ISA [Natoma/Triton II]'],
  ['pci_device', 0x0e110001, 'PCI to EISA Bridge'],
  // A subsystem is no device.
  ['pci_device', 0x80861af4, 'unknown pci device: 0x80861af4'],
  ['pci_class', 0x01, 'Mass storage controller'],
  ['pci_class', 0xff, 'Unassigned class'],
  ['pci_class', 0x02, 'unknown pci class: 0x02'],
  ['pci_subclass', 0x0106, 'SATA controller'],
  ['pci_subclass', 0x0108, 'Non-Volatile memory controller'],
  ['pci_subclass', 0x0101, 'unknown pci subclass: 0x01 (class 0x01)'],
  ['pci_subclass', 0x0200, 'unknown pci class: 0x02'],
])('%s of %s is %s', async (name, id, shown) => {
  const machine = new FakeMachine({ '/usr/share/hwdata/pci.ids': pciIds });
  expect(await scrapedBy(decoderOf({ name }, machine), String(id))).toBe(shown);
  expect(machine.warnings).toEqual([]);
});

test('without a database it says so, once', async () => {
  const machine = new FakeMachine();
  const vendor = decoderOf({ name: 'pci_vendor' }, machine);
  expect(await scrapedBy(vendor, '1')).toBe('missing pci.ids db');
  expect(await scrapedBy(vendor, '2')).toBe('missing pci.ids db');
  expect(machine.warnings).toEqual([expect.stringContaining('pci.ids')]);
});
