import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Btf, readBtf } from '../../../../bpf/object/btf.ts';
import { kinds } from '../../../../bpf/object/btf-kinds.ts';
import { ElfFile } from '../../../../bpf/object/elf.ts';
import { readObject } from '../../../../bpf/object/read-object.ts';
import type { Layout } from '../../../../bpf/object/spec.ts';
import { compileBpfFile } from '../../../fixtures/compile.ts';

const fixture = (name: string) => fileURLToPath(new URL(`../../../fixtures/${name}`, import.meta.url));
const files: [string, string][] = [
  ['an object of today', compileBpfFile(fixture('objects/modern.bpf.c'))],
  ['a legacy object with BTF', compileBpfFile(fixture('legacy/many.bpf.c'))],
];
/** The tool's JSON; enumerators as text, since bpftool prints an i32 as u64, which a double does not hold. */
const json = (tool: string, ...args: string[]) => {
  const printed = execFileSync(tool, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(printed.replaceAll(/"val":(-?\d+)/g, '"val":"$1"'));
};

/** What bpftool prints of a type, as far as it is said below. */
interface ToolType {
  readonly id: number;
  readonly kind: string;
  readonly name: string;
  readonly size?: number;
  readonly type_id?: number;
  readonly nr_elems?: number;
  readonly encoding?: string;
  readonly fwd_kind?: string;
  readonly linkage?: string;
  readonly members?: readonly { name: string; type_id: number; bits_offset: number; bitfield_size?: number }[];
  readonly values?: readonly { name: string; val: string }[];
  readonly vars?: readonly { name: string; type_id: number; size: number }[];
}

describe.each(files)('bpftool says the same of the types of %s', (_, file) => {
  const { types }: { types: ToolType[] } = json('bpftool', '-j', 'btf', 'dump', 'file', file);
  const elf = new ElfFile(new Uint8Array(readFileSync(file)));
  const section = elf.sectionNamed('.BTF');
  const btf = readBtf(section === undefined ? new Uint8Array(0) : elf.content(section).bytes);

  test('their number, kinds, names and references', () => {
    const kindNames = Object.entries(kinds).map(
      ([name, number]) => [number, name.replace(/[A-Z]/g, '_$&').toUpperCase()] as const,
    );
    const names: ReadonlyMap<number, string> = new Map(kindNames);
    const ours = Array.from({ length: btf.count }, (_, i) => {
      const { id, kind, nameOffset, sizeOrType } = btf.record(i + 1);
      const refers = [2, 8, 9, 10, 11, 12, 14, 17, 18].includes(kind);
      return { id, kind: names.get(kind), name: btf.name(nameOffset), refers: refers ? sizeOrType : undefined };
    });
    const theirs = types.map(({ id, kind, name, type_id }) => ({
      id,
      kind,
      name: name === '(anon)' ? '' : name,
      refers: kind === 'ARRAY' ? undefined : type_id,
    }));
    expect(ours).toEqual(theirs);
    expect(btf.count).toBeGreaterThan(40);
  });

  test('sizes, signs, members with their offsets and bits, enumerators', () => {
    const compared = types.filter(({ kind }) => ['INT', 'FLOAT', 'ARRAY', 'STRUCT', 'UNION', 'ENUM'].includes(kind));
    for (const type of compared)
      expect([type.id, ourFacts(btf.layout(type.id))]).toEqual([type.id, theirFacts(type, btf)]);
    expect(new Set(compared.map(({ kind }) => kind)).size).toBeGreaterThanOrEqual(4);
  });

  test('the variables of data sections', () => {
    const ours = [...btf.recordsOf(kinds.datasec)].map((record) =>
      [...btf.variablesOf(record)].map(({ varId, size }) => ({ type_id: varId, size })),
    );
    const theirs = types
      .filter(({ kind }) => kind === 'DATASEC')
      .map(({ vars = [] }) => vars.map(({ type_id, size }) => ({ type_id, size })));
    expect(ours).toEqual(theirs);
  });
});

function ourFacts(layout: Layout): object {
  switch (layout.kind) {
    case 'int':
      return { size: layout.sizeBytes, signed: layout.signed, bool: layout.encoding === 'bool' };
    case 'array':
      return { count: layout.count, element: layout.element };
    case 'struct':
    case 'union':
      return {
        size: layout.sizeBytes,
        members: layout.members.map(({ name, offsetBytes, bitfield, layout: member }) => ({
          name,
          bits_offset: offsetBytes * 8 + (bitfield?.bitOffset ?? 0),
          bitfield_size: bitfield?.bitSize ?? 0,
          layout: member,
        })),
      };
    case 'enum':
      return { size: layout.sizeBytes, enumerators: [...layout.enumerators].map(([value, name]) => [name, value]) };
    default:
      return { size: layout.sizeBytes };
  }
}

function theirFacts(type: ToolType, btf: Btf): object {
  switch (type.kind) {
    case 'INT':
      return { size: type.size, signed: type.encoding === 'SIGNED', bool: type.encoding === 'BOOL' };
    case 'ARRAY':
      return { count: type.nr_elems, element: btf.layout(type.type_id ?? 0) };
    case 'STRUCT':
    case 'UNION':
      return {
        size: type.size,
        members: type.members?.map(({ name, type_id, bits_offset, bitfield_size = 0 }) => ({
          name: name === '(anon)' ? '' : name,
          bits_offset,
          bitfield_size,
          layout: btf.layout(type_id),
        })),
      };
    case 'ENUM': {
      const seen = new Set<string>();
      const first = type.values?.filter(({ val }) => !seen.has(val) && seen.add(val));
      return { size: type.size, enumerators: first?.map(({ name, val }) => [name, BigInt.asUintN(32, BigInt(val))]) };
    }
    default:
      return { size: type.size };
  }
}

interface ToolNumber {
  readonly Name: { readonly Value: string };
  readonly Section: { readonly Value: string; readonly RawValue: number };
  readonly Type: { readonly Value: string; readonly RawValue: number };
  readonly Binding: { readonly RawValue: number };
  readonly Value: number;
  readonly Size: number;
  readonly Offset: number;
  readonly Index: number;
  readonly Flags: { readonly RawFlags: number };
}

describe.each(files)('llvm-readelf says the same of %s', (_, file) => {
  const [report] = json('llvm-readelf', '--elf-output-style=JSON', '-S', '-s', file);
  const readelf: { Sections: { Section: ToolNumber }[]; Symbols: { Symbol: ToolNumber }[] } = report[file];
  const bytes = new Uint8Array(readFileSync(file));
  const elf = new ElfFile(bytes);

  test('sections', () => {
    const theirs = readelf.Sections.map(({ Section: s }) => [
      s.Index,
      s.Name.Value,
      s.Type.RawValue,
      s.Flags.RawFlags,
      s.Offset,
      s.Size,
    ]);
    expect(
      elf.sections.map(({ index, name, type, flags, offset, size }) => [index, name, type, flags, offset, size]),
    ).toEqual(theirs);
  });

  test('functions and variables', () => {
    const theirs = readelf.Symbols.map(({ Symbol: s }) => s)
      .filter(({ Type }) => ['Function', 'Object'].includes(Type.Value))
      .map((s) => [s.Name.Value, s.Type.RawValue, s.Binding.RawValue, s.Section.RawValue, s.Value, s.Size]);
    expect(
      elf.symbols.map(({ name, type, bind, section, value, size }) => [name, type, bind, section, value, size]),
    ).toEqual(theirs);
    expect(theirs.length).toBeGreaterThan(5);
  });

  test('programs: global functions outside .text', () => {
    const theirs = readelf.Symbols.map(({ Symbol: s }) => s)
      .filter((s) => s.Type.Value === 'Function' && s.Binding.RawValue === 1 && s.Section.Value !== '.text')
      .sort((a, b) => a.Section.RawValue - b.Section.RawValue || a.Value - b.Value)
      .map((s) => ({ name: s.Name.Value, section: s.Section.Value, insnCount: s.Size / 8 }));
    expect(readObject(bytes).programs.map(({ name, section, insnCount }) => ({ name, section, insnCount }))).toEqual(
      theirs,
    );
  });
});

test('what is known of the object of today', () => {
  const spec = readObject(new Uint8Array(readFileSync(files[0]?.[1] ?? '')));
  expect(spec).toMatchObject({
    license: 'Dual BSD/GPL',
    kernelVersion: undefined,
    legacy: false,
    hasBtf: true,
    hasBtfExt: true,
    hasCoreRelocations: true,
  });
  expect(spec.programs.map(({ name, section, type }) => [name, section, type])).toEqual([
    ['count', 'socket', 'socket_filter'],
    ['first', 'tc', 'sched_cls'],
    ['second', 'tc', 'sched_cls'],
    ['on_switch', 'raw_tp/sched_switch', 'raw_tracepoint'],
  ]);
  const maps = spec.maps.map((map) => [
    map.name,
    map.type,
    map.keySizeBytes,
    map.valueSizeBytes,
    map.maxEntries,
    map.flags,
  ]);
  expect(maps.sort(([a], [b]) => String(a).localeCompare(String(b)))).toEqual([
    ['events', 27, 0, 0, 4096, 0],
    ['flows', 9, 56, 80, 1024, 2],
    ['nested', 13, 4, 4, 16, 0],
    ['totals', 6, 4, 24, 8, 0],
  ]);
  const globals = spec.globals.map(({ name, section, offsetBytes, sizeBytes, typeId, linkage }) => [
    name,
    section,
    offsetBytes,
    sizeBytes,
    spec.types.nameOf(typeId),
    linkage,
  ]);
  expect(globals).toEqual([
    ['sampling', '.rodata', 0, 4, 'volatile const __u32', 'global'],
    ['target', '.rodata', 4, 16, 'volatile const char[16]', 'global'],
    ['threshold', '.data', 0, 4, 'int', 'global'],
    ['today', '.data.weather', 0, 4, 'enum mood', 'global'],
    ['hits', '.bss', 0, 8, '__u64', 'global'],
    ['slots', '.bss', 8, 256, '__u64[32]', 'global'],
    ['private_count', '.bss', 264, 4, 'volatile __u32', 'static'],
    ['private_other', '.bss', 268, 2, 'volatile __u16', 'static'],
  ]);
});
