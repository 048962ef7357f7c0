import type { BtfEditor } from './btf-editor.ts';
import { kinds } from './btf-kinds.ts';
import type { BtfRecord, BtfRecords } from './btf-records.ts';
import { type ElfFile, type ElfSection, sectionFlags, sectionTypes, symbolBytes, symbolTypes } from './elf.ts';
import type { ElfEditor } from './elf-editor.ts';
import { isLegacyMapSection, type LegacyMap } from './legacy-maps.ts';
import { mapsSection } from './map-definitions.ts';
import { ObjectError } from './object-error.ts';
import { isCodeSection } from './programs.ts';

/** Bytes of `Elf64_Rel`; its symbol's index is the upper half of the second field. */
const relocationBytes = 16;
const relocationSymbolOffset = 12;
/** Of `imm` in `struct bpf_insn`. */
const immediateOffset = 4;

interface Moved extends LegacyMap {
  /** Of its definition as a struct of pointers. */
  readonly typeId: number;
  readonly sizeBytes: number;
  /** In `.maps`. */
  readonly offset: number;
}

/**
 * Moves every legacy map to `.maps`, described by BTF as libbpf reads it (src/libbpf.c, bpf_object__init_user_btf_map);
 * the old sections go. Symbols keep their numbers, so relocations against them stay; those against the old section are
 * turned to the symbol.
 */
export function moveLegacyMaps(
  elf: ElfFile,
  btf: BtfRecords,
  maps: readonly LegacyMap[],
  editor: ElfEditor,
  types: BtfEditor,
): void {
  const oldSections = elf.sections.filter(isLegacyMapSection);
  const home = elf.sectionNamed(mapsSection) ?? oldSections[0];
  if (maps.length === 0 || home === undefined) return;

  // The definitions, behind those that are in .maps already
  const kept = home.name === mapsSection ? elf.content(home).bytes : new Uint8Array(0);
  let end = Math.ceil(kept.length / 8) * 8;
  const moved = maps.map((map): Moved => {
    const { typeId, sizeBytes } = define(map, maps, types);
    const offset = end;
    end += sizeBytes;
    return { ...map, typeId, sizeBytes, offset };
  });
  const content = new Uint8Array(end);
  content.set(kept);

  // The BTF that describes them all
  const variables = moved.map(({ spec, typeId, offset, sizeBytes }) => ({
    id: types.variable(spec.name, typeId),
    offset,
    size: sizeBytes,
  }));
  types.datasec(mapsSection, end, [...keptVariables(elf, btf, home), ...variables]);
  for (const datasec of btf.recordsOf(kinds.datasec)) {
    const name = btf.name(datasec.nameOffset);
    if (name === mapsSection || oldSections.some((section) => section.name === name)) types.retire(datasec);
  }

  // The ELF around them
  const places = new Map(moved.map((map) => [placeKey(map.section.index, map.symbol.value), map]));
  for (const section of elf.sections) retarget(elf, section, oldSections, places, editor);
  for (const section of oldSections) moveSymbols(elf, section, home, places, editor);
  for (const section of oldSections) {
    if (section !== home) editor.dropSection(section.index);
  }
  editor.rename(home.index, mapsSection);
  editor.makeData(home.index, sectionFlags.write | sectionFlags.alloc);
  editor.replaceContent(home.index, content);
}

/** The map's definition as a struct of pointers; inner maps are the `values` of the outer one. */
function define(map: LegacyMap, maps: readonly LegacyMap[], types: BtfEditor): { typeId: number; sizeBytes: number } {
  const { spec, numaNode, innerIndex } = map;
  const inner = innerIndex === undefined ? undefined : maps[innerIndex];
  const uint = (name: string, value: number) => (value === 0 ? [] : [[name, types.uint(value)] as const]);
  const members = [
    ...uint('type', spec.type),
    ...(spec.keyTypeId === undefined
      ? uint('key_size', spec.keySizeBytes)
      : [['key', types.pointer(spec.keyTypeId)] as const]),
    ...(spec.valueTypeId === undefined
      ? uint('value_size', spec.valueSizeBytes)
      : [['value', types.pointer(spec.valueTypeId)] as const]),
    ...uint('max_entries', spec.maxEntries),
    ...uint('map_flags', spec.flags),
    ...(numaNode === undefined ? [] : uint('numa_node', numaNode)),
  ];
  if (inner === undefined) return { typeId: types.pointers(members), sizeBytes: members.length * 8 };
  // "'values' member should be last", and an array of no elements (parse_btf_map_def)
  const values = types.array(types.pointer(define(inner, maps, types).typeId), 0);
  return { typeId: types.pointers(members, ['values', values]), sizeBytes: members.length * 8 };
}

/** What the object has in `.maps` already; the offsets are the symbols', since BTF may leave them at 0. */
function keptVariables(
  elf: ElfFile,
  btf: BtfRecords,
  home: ElfSection,
): { id: number; offset: number; size: number }[] {
  const datasec = [...btf.recordsOf(kinds.datasec)].find(
    (record: BtfRecord) => btf.name(record.nameOffset) === mapsSection,
  );
  if (datasec === undefined) return [];
  const offsets = new Map(elf.symbolsOf(home).map((symbol) => [symbol.name, symbol.value]));
  const variables = [...btf.variablesOf(datasec)].map(({ varId, name, offset, size }) => ({
    id: varId,
    offset: offsets.get(name) ?? offset,
    size,
  }));
  return variables.sort((a, b) => a.offset - b.offset);
}

/** The map's symbol takes the map's name; others at the same place move along. */
function moveSymbols(elf: ElfFile, section: ElfSection, home: ElfSection, places: Places, editor: ElfEditor): void {
  for (const symbol of elf.symbolsOf(section)) {
    const map = places.get(placeKey(section.index, symbol.value));
    if (map === undefined) continue;
    const place = { type: symbolTypes.object, section: home.index, value: map.offset, size: map.sizeBytes };
    editor.changeSymbol(symbol.index, symbol.index === map.symbol.index ? { ...place, name: map.spec.name } : place);
  }
}

/** A static map is addressed by its section, with the offset in the instruction; libbpf knows maps by their symbol only. */
function retarget(
  elf: ElfFile,
  relocations: ElfSection,
  oldSections: readonly ElfSection[],
  places: Places,
  editor: ElfEditor,
): void {
  const code = elf.sections[relocations.info];
  const symbolTable = elf.symbolTable();
  if (relocations.type !== sectionTypes.rel || code === undefined || symbolTable === undefined || !isCodeSection(code))
    return;
  const [entries, symbols, instructions] = [elf.content(relocations), elf.content(symbolTable), elf.content(code)];
  const oldIndexes = new Set(oldSections.map(({ index }) => index));
  for (let at = 0; at + relocationBytes <= entries.length; at += relocationBytes) {
    const symbolAt = entries.u32(at + relocationSymbolOffset) * symbolBytes;
    const section = symbols.u16(symbolAt + 6);
    if ((symbols.u8(symbolAt + 4) & 0xf) !== symbolTypes.section || !oldIndexes.has(section)) continue;
    const immediateAt = entries.u64(at) + immediateOffset;
    const map = places.get(placeKey(section, instructions.i32(immediateAt)));
    if (map === undefined)
      throw new ObjectError(
        'LegacyMap',
        'an instruction refers to a map that is not there',
        instructions.at(immediateAt),
      );
    editor.content(relocations.index).setUint32(at + relocationSymbolOffset, map.symbol.index, true);
    editor.content(code.index).setInt32(immediateAt, 0, true);
  }
}

/** The moved maps by where they were. */
type Places = ReadonlyMap<string, Moved>;

function placeKey(section: number, offset: number): string {
  return `${section}:${offset}`;
}
