import type { Btf } from './btf.ts';
import { kinds } from './btf-kinds.ts';
import { type ElfFile, type ElfSection, type ElfSymbol, sectionTypes } from './elf.ts';
import { maxMaps } from './limits.ts';
import { flagNumaNode, isMapOfMaps, mapTypes } from './map-types.ts';
import { ObjectError } from './object-error.ts';
import type { Region } from './region.ts';
import type { MapSpec } from './spec.ts';

/** A `struct bpf_map_def` in SEC("maps") or SEC("maps/…"). */
export interface LegacyMap {
  readonly spec: MapSpec;
  readonly section: ElfSection;
  readonly symbol: ElfSymbol;
  readonly numaNode: number | undefined;
  /** Of a map of maps: what its elements look like, by position in the list of all. */
  readonly innerIndex: number | undefined;
}

interface Definition {
  readonly section: ElfSection;
  readonly symbol: ElfSymbol;
  /** In the section, by offset. */
  readonly position: number;
  readonly alone: boolean;
  readonly content: Region;
}

/**
 * What follows type, key size, value size, entries and flags, told by the definition's size:
 * 16 has no flags yet (Linux 3.19); 20 is libbpf's; 24 and 28 are the kernel samples' `inner_map_idx` and `numa_node`
 * (samples/bpf/bpf_load.h, 4.12 and 4.14); 36 is iproute2's `id, pinning, inner_id, inner_idx` (include/bpf_elf.h);
 * 280 is gobpf's `pinning, namespace[256]`. Pinning is left to the agent.
 */
const knownSizes: ReadonlySet<number> = new Set([16, 20, 24, 28, 36, 280]);
const commonBytes = 20;
const fieldOffsets = { flags: 16, innerIndex: 20, id: 20, numaNode: 24, innerId: 28 } as const;

/** libbpf before 1.0 took a map's key and value types from `struct ____btf_map_NAME { K key; V value; }`. */
const annotationPrefix = '____btf_map_';

export function isLegacyMapSection(section: ElfSection): boolean {
  return section.type !== sectionTypes.null && (section.name === 'maps' || section.name.startsWith('maps/'));
}

/** In order of section, then offset. Throws ObjectError. */
export function readLegacyMaps(elf: ElfFile, btf: Btf): LegacyMap[] {
  const definitions = elf.sections.filter(isLegacyMapSection).flatMap((section) => definitionsOf(elf, section));
  if (definitions.length === 0) return [];
  if (definitions.length > maxMaps)
    throw new ObjectError('TooLarge', `${definitions.length} maps, ${maxMaps} are allowed`, { limit: maxMaps });
  const annotations = readAnnotations(btf);
  return definitions.map((definition) => readLegacyMap(definition, definitions, btf, annotations));
}

function definitionsOf(elf: ElfFile, section: ElfSection): Definition[] {
  const content = elf.content(section);
  const symbols = elf.symbolsOf(section).filter((symbol, i, all) => symbol.value !== all[i - 1]?.value);
  if (symbols.length === 0 && content.length > 0)
    throw new ObjectError('LegacyMap', 'holds no map that has a name', { section: section.name });
  return symbols.map((symbol, position) => {
    const sizeBytes = symbol.size > 0 ? symbol.size : (symbols[position + 1]?.value ?? content.length) - symbol.value;
    const definition = content.part(symbol.value, sizeBytes);
    if (!isUnderstood(definition)) {
      const problem = `map ${symbol.name} has a definition of ${sizeBytes} bytes; known are ${[...knownSizes].join(', ')}`;
      throw new ObjectError('LegacyMap', problem, { ...content.at(symbol.value), hint: 'define it in SEC(".maps")' });
    }
    return { section, symbol, position, alone: symbols.length === 1, content: definition };
  });
}

/** Another size is taken where all that we do not know is zero, as libbpf did. */
function isUnderstood({ bytes }: Region): boolean {
  return (
    knownSizes.has(bytes.length) ||
    (bytes.length > commonBytes && bytes.subarray(commonBytes).every((byte) => byte === 0))
  );
}

function readLegacyMap(
  definition: Definition,
  all: readonly Definition[],
  btf: Btf,
  annotations: ReadonlyMap<string, number>,
): LegacyMap {
  const { section, symbol, content } = definition;
  const optional = (offset: number) => (content.length >= offset + 4 ? content.u32(offset) : 0);
  const [type, keySizeBytes, valueSizeBytes, maxEntries] = [
    content.u32(0),
    content.u32(4),
    content.u32(8),
    content.u32(12),
  ];
  const flags = optional(fieldOffsets.flags);
  const name = mapName(definition);
  if (type === mapTypes.unspec) throw new ObjectError('LegacyMap', `map ${name} has no type`, content.at(0));
  const types = readAnnotation(btf, annotations.get(symbol.name), keySizeBytes, valueSizeBytes);
  return {
    spec: { name, type, keySizeBytes, valueSizeBytes, maxEntries, flags, ...types },
    section,
    symbol,
    numaNode: content.length === 28 && (flags & flagNumaNode) !== 0 ? content.u32(fieldOffsets.numaNode) : undefined,
    innerIndex: isMapOfMaps(type) ? innerIndexOf(definition, all, name) : undefined,
  };
}

/** The section's suffix names the map (`maps/packets` is `packets`), else the variable does. Letters that the kernel refuses become `_`. */
function mapName({ section, symbol, alone }: Definition): string {
  const suffix = section.name.slice('maps/'.length);
  const name = (suffix !== '' && alone ? suffix : symbol.name).replaceAll(/[^A-Za-z0-9_]/g, '_');
  return /^[0-9]/.test(name) ? `_${name}` : name;
}

function innerIndexOf(definition: Definition, all: readonly Definition[], name: string): number {
  const { content, section } = definition;
  const index =
    content.length === 36
      ? all.findIndex(
          (other) =>
            other.content.length === 36 && other.content.u32(fieldOffsets.id) === content.u32(fieldOffsets.innerId),
        )
      : content.length === 24 || content.length === 28
        ? all.findIndex((other) => other.section === section && other.position === content.u32(fieldOffsets.innerIndex))
        : -1;
  const inner = all[index];
  if (inner === undefined || isMapOfMaps(inner.content.u32(0))) {
    throw new ObjectError('LegacyMap', `map ${name} of maps does not say which map its elements are like`, {
      ...content.at(0),
      hint: 'define it in SEC(".maps") with __array(values, …)',
    });
  }
  return index;
}

/** Map name → id of its annotation. */
function readAnnotations(btf: Btf): Map<string, number> {
  const annotations = new Map<string, number>();
  for (const record of btf.recordsOf(kinds.struct)) {
    const name = btf.name(record.nameOffset);
    if (name.startsWith(annotationPrefix)) annotations.set(name.slice(annotationPrefix.length), record.id);
  }
  return annotations;
}

/** An annotation that contradicts the definition says nothing. */
function readAnnotation(
  btf: Btf,
  id: number | undefined,
  keySizeBytes: number,
  valueSizeBytes: number,
): Pick<MapSpec, 'keyTypeId' | 'valueTypeId'> {
  const nothing = { keyTypeId: undefined, valueTypeId: undefined };
  if (id === undefined) return nothing;
  const record = btf.record(id);
  if (record.count !== 2) return nothing;
  const [keyTypeId, valueTypeId] = [btf.types.u32(record.dataOffset + 4), btf.types.u32(record.dataOffset + 16)];
  const agrees =
    btf.layout(keyTypeId).sizeBytes === keySizeBytes && btf.layout(valueTypeId).sizeBytes === valueSizeBytes;
  return agrees ? { keyTypeId, valueTypeId } : nothing;
}
