import { type Btf, emptyBtf, readBtf } from './btf.ts';
import { hasCoreRelocations, readBtfExt } from './btf-ext.ts';
import { ElfFile } from './elf.ts';
import { readGlobals } from './globals.ts';
import { isLegacyMapSection, readLegacyMaps } from './legacy-maps.ts';
import { maxLicenseBytes } from './limits.ts';
import { readMapDefinitions } from './map-definitions.ts';
import { ObjectError } from './object-error.ts';
import { readPrograms } from './programs.ts';
import type { MapSpec, ObjectSpec } from './spec.ts';

/** What the bytes of an eBPF object say. Pure: it asks nothing of the machine. Throws ObjectError, and nothing else. */
export function readObject(bytes: Uint8Array): ObjectSpec {
  // The container
  const elf = new ElfFile(bytes);

  // The types
  const btf = readObjectBtf(elf);
  const ext = elf.sectionNamed('.BTF.ext');
  const extSections = ext === undefined ? [] : readBtfExt(elf.content(ext));

  // What is declared
  const programs = readPrograms(elf);
  const types = btf ?? emptyBtf();
  const maps = [...readLegacyMaps(elf, types).map(({ spec }) => spec), ...readMapDefinitions(elf, types)];
  checkNames(maps);
  const globals = readGlobals(elf, types);

  return {
    license: readLicense(elf),
    kernelVersion: readKernelVersion(elf),
    legacy: elf.sections.some(isLegacyMapSection),
    hasBtf: btf !== undefined,
    hasBtfExt: ext !== undefined,
    hasCoreRelocations: hasCoreRelocations(extSections),
    programs,
    maps,
    globals,
    types,
  };
}

/** The object's own BTF; undefined where it has none. */
export function readObjectBtf(elf: ElfFile): Btf | undefined {
  const section = elf.sectionNamed('.BTF');
  return section === undefined ? undefined : readBtf(elf.content(section).bytes, section.name);
}

function readLicense(elf: ElfFile): string | undefined {
  const section = elf.sectionNamed('license');
  if (section === undefined) return undefined;
  const { bytes } = elf.content(section);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(bytes.subarray(0, Math.min(end < 0 ? bytes.length : end, maxLicenseBytes)));
}

function readKernelVersion(elf: ElfFile): number | undefined {
  const section = elf.sectionNamed('version');
  if (section === undefined) return undefined;
  const content = elf.content(section);
  if (content.length !== 4)
    throw new ObjectError('BadSection', `${content.length} bytes, a version has 4`, content.at(0));
  return content.u32(0);
}

/** A legacy map may take a name that another has: its section's suffix stands for the variable's name. */
function checkNames(maps: readonly MapSpec[]): void {
  const seen = new Set<string>();
  for (const { name } of maps) {
    if (seen.has(name)) throw new ObjectError('BadMap', `two maps are called ${name}`);
    seen.add(name);
  }
}
