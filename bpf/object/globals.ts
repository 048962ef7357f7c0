import type { Btf } from './btf.ts';
import { kinds } from './btf-kinds.ts';
import type { BtfVariable } from './btf-records.ts';
import type { ElfFile, ElfSection } from './elf.ts';
import { maxGlobals } from './limits.ts';
import { ObjectError } from './object-error.ts';
import type { GlobalSpec } from './spec.ts';

const dataSections = /^\.(rodata|data|bss)(\.|$)/;
/** BTF_VAR_* */
const linkages = ['static', 'global', 'extern'] as const;

/** The variables that libbpf makes maps of: those of .rodata, .data, .bss and their named kin. In order of section, then offset. */
export function readGlobals(elf: ElfFile, btf: Btf): GlobalSpec[] {
  const globals: (GlobalSpec & { readonly sectionIndex: number })[] = [];
  const seen = new Set<ElfSection>();
  for (const datasec of btf.recordsOf(kinds.datasec)) {
    const section = elf.sectionNamed(btf.name(datasec.nameOffset));
    if (section === undefined || !dataSections.test(section.name)) continue;
    if (seen.has(section)) throw new ObjectError('BadBTF', 'is described twice', { section: section.name });
    seen.add(section);
    const offsets = new Map(elf.symbolsOf(section).map((symbol) => [symbol.name, symbol.value]));
    for (const variable of btf.variablesOf(datasec)) {
      globals.push({ ...readGlobal(btf, section, variable, offsets), sectionIndex: section.index });
      if (globals.length > maxGlobals)
        throw new ObjectError('TooLarge', `more than ${maxGlobals} variables`, {
          section: section.name,
          limit: maxGlobals,
        });
    }
  }
  globals.sort((a, b) => a.sectionIndex - b.sectionIndex || a.offsetBytes - b.offsetBytes);
  return globals.map(({ sectionIndex: _, ...global }) => global);
}

function readGlobal(
  btf: Btf,
  section: ElfSection,
  variable: BtfVariable,
  offsets: ReadonlyMap<string, number>,
): GlobalSpec {
  const linkage = linkages[variable.linkage];
  if (linkage === undefined)
    throw new ObjectError('BadBTF', `variable ${variable.name} has linkage ${variable.linkage}`, {
      section: section.name,
    });
  // Clang writes 0 for what a linker may move and the true offset for statics, whose names need not be unique.
  const offsetBytes = linkage === 'static' ? variable.offset : (offsets.get(variable.name) ?? variable.offset);
  const end = offsetBytes + Math.max(variable.size, btf.layout(variable.typeId).sizeBytes);
  if (end > section.size) {
    throw new ObjectError('BadBTF', `variable ${variable.name} ends at ${end}, its section at ${section.size}`, {
      section: section.name,
      offset: offsetBytes,
    });
  }
  return {
    name: variable.name,
    section: section.name,
    offsetBytes,
    sizeBytes: variable.size,
    typeId: variable.typeId,
    linkage,
  };
}
