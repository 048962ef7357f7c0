import { emptyBtf } from './btf.ts';
import { BtfEditor } from './btf-editor.ts';
import { hasCoreRelocations, readBtfExt } from './btf-ext.ts';
import type { BtfRecords } from './btf-records.ts';
import { ElfFile, type ElfSection, sectionTypes, symbolTypes } from './elf.ts';
import { ElfEditor } from './elf-editor.ts';
import { readLegacyMaps } from './legacy-maps.ts';
import { moveLegacyMaps } from './move-legacy-maps.ts';
import { functionsOf, isCodeSection, isProgramSection } from './programs.ts';
import { readObjectBtf } from './read-object.ts';
import { libbpfSectionName } from './section-names.ts';

/**
 * Makes an object that libbpf ≥ 1.0 refuses into one that it opens and loads: maps of SEC("maps") go to `.maps` with
 * the BTF that describes them, program sections get the name that libbpf knows (`socket/prog` becomes `socket`), and
 * functions without type and size, as LLVM left them before 8, get both. What needs none of this comes back as it is,
 * the same array. `readObject` says the same of both, but for `legacy` and the sections' names: what the user wrote
 * stands only in the original. Throws ObjectError for bytes that cannot be read, with the message that
 * `readObject` has for them.
 */
export function upgradeLegacy(bytes: Uint8Array): Uint8Array {
  // What there is to do
  const elf = new ElfFile(bytes);
  const btf = readObjectBtf(elf);
  const types = btf ?? emptyBtf();
  const maps = readLegacyMaps(elf, types);
  const untyped = elf.sections
    .filter(isCodeSection)
    .flatMap((section) => functionsOf(elf, section))
    .filter(({ symbol, sizeBytes }) => symbol.type !== symbolTypes.func || symbol.size !== sizeBytes);
  const { names, dropBtfExt } = newNames(elf);
  if (maps.length === 0 && untyped.length === 0 && names.size === 0) return bytes;

  // Maps, programs, and what names them
  const editor = new ElfEditor(elf);
  const btfEditor = new BtfEditor(types);
  moveLegacyMaps(elf, types, maps, editor, btfEditor);
  for (const { symbol, section, sizeBytes } of untyped) {
    editor.changeSymbol(symbol.index, {
      type: symbolTypes.func,
      section: section.index,
      value: symbol.value,
      size: sizeBytes,
    });
  }
  for (const [section, name] of names) editor.rename(section.index, name);
  if (dropBtfExt) dropNamed(elf, '.BTF.ext', editor);
  else renameInBtfExt(elf, types, names, editor, btfEditor);

  // The types that this changed
  if (btfEditor.changed) replaceBtf(elf, editor, btfEditor.build());
  return editor.build();
}

/**
 * Program sections that libbpf knows by another name. `.BTF.ext` finds sections by name, so two that end with the same
 * one cannot both use it: without CO-RE relocations it holds only debug information, and goes; with them the second
 * section keeps its name, and whoever loads the object sets the types of its programs.
 */
function newNames(elf: ElfFile): { names: Map<ElfSection, string>; dropBtfExt: boolean } {
  const names = new Map<ElfSection, string>();
  const taken = new Set(elf.sections.map(({ name }) => name));
  const ext = elf.sectionNamed('.BTF.ext');
  const needed = ext !== undefined && hasCoreRelocations(readBtfExt(elf.content(ext)));
  let twice = false;
  for (const section of elf.sections.filter(isProgramSection)) {
    const name = libbpfSectionName(section.name);
    if (name === section.name || (needed && taken.has(name))) continue;
    names.set(section, name);
    twice ||= taken.has(name);
    taken.add(name);
  }
  return { names, dropBtfExt: twice && ext !== undefined };
}

function renameInBtfExt(
  elf: ElfFile,
  btf: BtfRecords,
  names: ReadonlyMap<ElfSection, string>,
  editor: ElfEditor,
  types: BtfEditor,
): void {
  const ext = elf.sectionNamed('.BTF.ext');
  if (ext === undefined || names.size === 0) return;
  const renamed = new Map([...names].map(([section, name]) => [section.name, name]));
  for (const { nameOffset, nameFieldOffset } of readBtfExt(elf.content(ext))) {
    const name = renamed.get(btf.name(nameOffset));
    if (name !== undefined) editor.content(ext.index).setUint32(nameFieldOffset, types.name(name), true);
  }
}

/** Relocations of BTF are for linkers alone, and would now hit other types: they go. */
function replaceBtf(elf: ElfFile, editor: ElfEditor, btf: Uint8Array): void {
  const section = elf.sectionNamed('.BTF');
  if (section === undefined) {
    editor.addSection('.BTF', sectionTypes.progbits, 0, btf);
    return;
  }
  editor.replaceContent(section.index, btf);
  dropRelocations(elf, section, editor);
}

function dropNamed(elf: ElfFile, name: string, editor: ElfEditor): void {
  const section = elf.sectionNamed(name);
  if (section === undefined) return;
  editor.dropSection(section.index);
  dropRelocations(elf, section, editor);
}

function dropRelocations(elf: ElfFile, section: ElfSection, editor: ElfEditor): void {
  for (const { type, info, index } of elf.sections) {
    if (type === sectionTypes.rel && info === section.index) editor.dropSection(index);
  }
}
