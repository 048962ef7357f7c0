import type { Btf } from './btf.ts';
import { isModifier, kinds } from './btf-kinds.ts';
import type { BtfRecord, BtfVariable } from './btf-records.ts';
import type { ElfFile } from './elf.ts';
import { maxMaps, maxTypeDepth } from './limits.ts';
import { ObjectError } from './object-error.ts';
import type { MapSpec } from './spec.ts';

export const mapsSection = '.maps';
/** File descriptors of inner maps and of programs are what such a map holds. */
const fdBytes = 4;

/**
 * The maps of SEC(".maps"), as libbpf reads them (src/libbpf.c, parse_btf_map_def): each is a variable whose struct says
 * the definition by types alone. `__uint(name, N)` is a pointer to an array of N, `__type(name, T)` a pointer to T.
 * In order of offset. Throws ObjectError.
 */
export function readMapDefinitions(elf: ElfFile, btf: Btf): MapSpec[] {
  const section = elf.sectionNamed(mapsSection);
  if (section === undefined) return [];
  const datasec = [...btf.recordsOf(kinds.datasec)].find((record) => btf.name(record.nameOffset) === mapsSection);
  if (datasec === undefined) {
    const hint = 'compile with -g, and strip with llvm-strip -g at most';
    throw new ObjectError('BadBTF', 'the object has maps, and no BTF that describes them', {
      section: mapsSection,
      hint,
    });
  }
  if (datasec.count > maxMaps)
    throw new ObjectError('TooLarge', `${datasec.count} maps, ${maxMaps} are allowed`, {
      section: mapsSection,
      limit: maxMaps,
    });

  // Clang leaves the offsets in BTF at 0 (they would be relocated by a linker); the symbols have them.
  const offsets = new Map(elf.symbolsOf(section).map((symbol) => [symbol.name, symbol.value]));
  const maps = [...btf.variablesOf(datasec)].map((variable) => {
    const offset = offsets.get(variable.name);
    if (offset === undefined)
      throw new ObjectError('BadMap', `map ${variable.name} has no symbol`, { section: mapsSection });
    return { offset, map: readMap(btf, variable) };
  });
  return maps.sort((a, b) => a.offset - b.offset).map(({ map }) => map);
}

function readMap(btf: Btf, variable: BtfVariable): MapSpec {
  const definition = resolve(btf, variable.typeId);
  if (definition?.kind !== kinds.struct)
    throw new ObjectError('BadMap', `map ${variable.name} is no struct`, { section: mapsSection });
  const map = { type: 0, maxEntries: 0, flags: 0, keySizeBytes: 0, valueSizeBytes: 0 };
  let [keyTypeId, valueTypeId]: (number | undefined)[] = [undefined, undefined];

  for (let i = 0; i < definition.count; i++) {
    const at = definition.dataOffset + i * 12;
    const field = btf.name(btf.types.u32(at));
    const typeId = btf.types.u32(at + 4);
    const fault = (problem: string) =>
      new ObjectError('BadMap', `map ${variable.name}: ${field} ${problem}`, { ...btf.types.at(at) });
    switch (field) {
      case 'type':
        map.type = readUint(btf, typeId, fault);
        break;
      case 'max_entries':
        map.maxEntries = readUint(btf, typeId, fault);
        break;
      case 'map_flags':
        map.flags = readUint(btf, typeId, fault);
        break;
      case 'key_size':
        map.keySizeBytes = agreed(map.keySizeBytes, readUint(btf, typeId, fault), fault);
        break;
      case 'value_size':
        map.valueSizeBytes = agreed(map.valueSizeBytes, readUint(btf, typeId, fault), fault);
        break;
      case 'key':
        keyTypeId = readType(btf, typeId, fault);
        map.keySizeBytes = agreed(map.keySizeBytes, btf.layout(keyTypeId).sizeBytes, fault);
        break;
      case 'value':
        valueTypeId = readType(btf, typeId, fault);
        map.valueSizeBytes = agreed(map.valueSizeBytes, btf.layout(valueTypeId).sizeBytes, fault);
        break;
      case 'values': // what the map holds at first: inner maps, or programs
        map.valueSizeBytes = agreed(map.valueSizeBytes, fdBytes, fault);
        break;
      default: // pinning, numa_node, map_extra and what is yet to come say nothing of the bytes; libbpf judges them
    }
  }
  if (map.type === 0) throw new ObjectError('BadMap', `map ${variable.name} has no type`, { section: mapsSection });
  return { name: variable.name, ...map, keyTypeId, valueTypeId };
}

type Fault = (problem: string) => ObjectError;

/** `int (*name)[N]` */
function readUint(btf: Btf, typeId: number, fault: Fault): number {
  const pointer = resolve(btf, typeId);
  const array = pointer?.kind === kinds.ptr ? resolve(btf, pointer.sizeOrType) : undefined;
  if (array?.kind !== kinds.array) throw fault('is no number: not a pointer to an array');
  return btf.types.u32(array.dataOffset + 8);
}

/** `typeof(T) *name` */
function readType(btf: Btf, typeId: number, fault: Fault): number {
  const pointer = resolve(btf, typeId);
  if (pointer?.kind !== kinds.ptr) throw fault('is no type: not a pointer');
  return pointer.sizeOrType;
}

/** `key` and `key_size` may both be there, and must then say the same. */
function agreed(known: number, now: number, fault: Fault): number {
  if (known !== 0 && known !== now) throw fault(`of ${now} bytes contradicts ${known} bytes`);
  return now;
}

/** The type behind typedefs and qualifiers; undefined for void. */
function resolve(btf: Btf, typeId: number): BtfRecord | undefined {
  for (let id = typeId, depth = 0; id !== 0; depth++) {
    const record = btf.record(id);
    if (!isModifier(record.kind)) return record;
    if (depth === maxTypeDepth)
      throw new ObjectError('TooLarge', `type ${typeId} is a chain of more than ${maxTypeDepth}`, {
        ...btf.types.at(0),
        limit: maxTypeDepth,
      });
    id = record.sizeOrType;
  }
  return undefined;
}
