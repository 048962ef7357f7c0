import { fileURLToPath } from 'node:url';
import { ElfFile } from '../../../../bpf/object/elf.ts';
import { readObject } from '../../../../bpf/object/read-object.ts';
import type { ObjectSpec } from '../../../../bpf/object/spec.ts';
import { upgradeLegacy } from '../../../../bpf/object/upgrade-legacy.ts';
import { compileBpf } from '../../../fixtures/compile.ts';
import { code, exitProgram, makeElf, minimalElf, words } from '../../../fixtures/elf-builder.ts';
import { legacyObjects } from '../../../fixtures/legacy-objects.ts';
import { objectErrorOf } from '../../../fixtures/object-error-of.ts';

const modern = fileURLToPath(new URL('../../../fixtures/objects/modern.bpf.c', import.meta.url));
const objects = legacyObjects();

/** What must be the same before and after; types by what they say, since their numbers may differ. */
const telling = (spec: ObjectSpec) => ({
  ...spec,
  legacy: undefined,
  hasBtf: undefined,
  hasBtfExt: undefined,
  types: undefined,
  programs: spec.programs.map(({ section: _, ...program }) => program),
  maps: new Map(
    spec.maps.map(({ name, keyTypeId, valueTypeId, ...map }) => [
      name,
      { ...map, key: keyTypeId && spec.types.layout(keyTypeId), value: valueTypeId && spec.types.layout(valueTypeId) },
    ]),
  ),
});

describe('real legacy objects', () => {
  test.each(Object.entries(objects))('%s: says the same, and has nothing left to upgrade', (_, object) => {
    const upgraded = upgradeLegacy(object);
    expect(readObject(object).legacy).toBe(true);
    expect(readObject(upgraded)).toMatchObject({ legacy: false, hasBtf: true });
    expect(telling(readObject(upgraded))).toEqual(telling(readObject(object)));
    expect(upgradeLegacy(upgraded)).toBe(upgraded);
  });

  test('the first program of 2019: the map is called after its section', () => {
    expect(readObject(objects['pkts, as in 2019'] ?? new Uint8Array(0))).toMatchObject({
      license: 'GPL',
      kernelVersion: 0xffff_fffe,
      legacy: true,
      hasBtf: false,
      programs: [{ name: 'socket_prog', section: 'socket/prog', type: 'socket_filter' }],
      maps: [
        {
          name: 'packets',
          type: 1,
          keySizeBytes: 4,
          valueSizeBytes: 8,
          maxEntries: 256,
          flags: 0,
          keyTypeId: undefined,
        },
      ],
    });
  });

  test('the second program of 2019: the map is called after its variable', () => {
    expect(readObject(objects['write, as in 2019'] ?? new Uint8Array(0))).toMatchObject({
      programs: [{ name: 'count_write', section: 'tracepoint/syscalls/sys_enter_write', type: 'tracepoint' }],
      maps: [{ name: 'writes', type: 1, keySizeBytes: 4, valueSizeBytes: 8, maxEntries: 10240 }],
    });
  });

  test('many maps: order, names, annotated types', () => {
    const spec = readObject(objects['many maps beside one of today'] ?? new Uint8Array(0));
    expect(spec.maps.map(({ name, type, flags }) => [name, type, flags])).toEqual([
      ['inner', 1, 0],
      ['outer', 12, 0],
      ['local', 1, 5],
      ['by_port', 1, 0],
      ['total', 2, 0],
    ]);
    const byPort = spec.maps.find(({ name }) => name === 'by_port');
    expect(spec.types.layout(byPort?.valueTypeId ?? 0)).toMatchObject({
      kind: 'struct',
      name: 'counts',
      members: [{ name: 'packets' }, { name: 'bytes' }],
    });
    expect(spec.programs.map(({ name, type }) => [name, type])).toEqual([
      ['first_socket', 'socket_filter'],
      ['second_socket', 'socket_filter'],
      ['count_frames', 'xdp'],
      ['on_clock', 'perf_event'],
    ]);
  });

  test('program sections get the names of today', () => {
    const upgraded = readObject(upgradeLegacy(objects['many maps'] ?? new Uint8Array(0)));
    expect(upgraded.programs.map(({ section }) => section)).toEqual(['socket', 'socket', 'xdp', 'perf_event']);
  });
});

describe('objects of today', () => {
  test('come back as they are', () => {
    const object = compileBpf(modern);
    expect(upgradeLegacy(object)).toBe(object);
    const unknown = makeElf({
      sections: [{ name: 'prog', ...code, data: exitProgram }],
      symbols: [{ name: 'f', section: 1, size: 16 }],
    });
    expect(upgradeLegacy(unknown)).toBe(unknown);
  });

  test('with an old section name get the new one, in .BTF.ext too', () => {
    const object = compileBpf(modern, { flags: ['-DSOCKET_SECTION="socket/count"'] });
    const upgraded = upgradeLegacy(object);
    expect(readObject(object).programs[0]).toMatchObject({
      name: 'count',
      section: 'socket/count',
      type: 'socket_filter',
    });
    expect(readObject(upgraded).programs[0]).toMatchObject({ name: 'count', section: 'socket', type: 'socket_filter' });
    expect(telling(readObject(upgraded))).toEqual(telling(readObject(object)));
    expect(readObject(upgraded)).toMatchObject({ hasBtfExt: true, hasCoreRelocations: true });
    // libbpf finds the records of a section by its name, so the old one must not be asked for any more.
    const { sections } = new ElfFile(upgraded);
    expect(sections.some(({ name }) => name === 'socket/count')).toBe(false);
  });

  test('whose CO-RE relocations tell two sections apart by name keep the second one', () => {
    const object = compileBpf(modern, { flags: ['-DSOCKET_SECTION="tc/count"'] });
    expect(upgradeLegacy(object)).toBe(object);
    expect(readObject(object).programs[0]).toMatchObject({ section: 'tc/count', type: 'sched_cls' });
  });
});

describe('hand-made definitions', () => {
  const map = (name: string, ...definition: number[]) => ({ name, flags: 3, data: words(...definition) });
  const symbol = (name: string, section: string, more: object = {}) => ({ name, section, type: 1, ...more });
  const hash = [1, 4, 8, 100];

  test.each<[string, number[]]>([
    ['16 bytes', hash],
    ['20 bytes', [...hash, 1]],
    ['24 bytes', [...hash, 1, 7]],
    ['28 bytes', [...hash, 1, 7, 7]],
    ['36 bytes', [...hash, 1, 7, 2, 7, 7]],
    ['280 bytes', [...hash, 1, 2, ...Array<number>(64).fill(0x41414141)]],
    ['44 bytes, zero where unknown', [...hash, 1, 0, 0, 0, 0, 0, 0]],
  ])('of %s', (_, definition) => {
    const elf = minimalElf({ sections: [map('maps/m', ...definition)], symbols: [symbol('x', 'maps/m')] });
    const spec = {
      name: 'm',
      type: 1,
      keySizeBytes: 4,
      valueSizeBytes: 8,
      maxEntries: 100,
      flags: definition.length > 4 ? 1 : 0,
    };
    expect(readObject(elf).maps).toMatchObject([spec]);
    expect(readObject(upgradeLegacy(elf)).maps).toMatchObject([spec]);
  });

  test.each<[string, Parameters<typeof minimalElf>[0], RegExp]>([
    [
      'of 12 bytes',
      { sections: [map('maps', 1, 4, 8)], symbols: [symbol('x', 'maps')] },
      /section maps at 0x0: map x has a definition of 12 bytes; known are 16, 20, 24, 28, 36, 280 \[define it/,
    ],
    [
      'of 44 bytes with something unknown',
      { sections: [map('maps', ...hash, 0, 0, 0, 0, 0, 0, 1)], symbols: [symbol('x', 'maps')] },
      /definition of 44 bytes/,
    ],
    ['without a name', { sections: [map('maps', ...hash)] }, /section maps: holds no map that has a name/],
    ['without a type', { sections: [map('maps', 0, 4, 8, 1)], symbols: [symbol('x', 'maps')] }, /map x has no type/],
    [
      'of maps, with no inner one',
      { sections: [map('maps', 12, 4, 4, 1, 0)], symbols: [symbol('x', 'maps')] },
      /map x of maps does not say/,
    ],
    [
      'of maps of itself',
      { sections: [map('maps', 12, 4, 4, 1, 0, 0)], symbols: [symbol('x', 'maps')] },
      /map x of maps does not say/,
    ],
    [
      'of maps, with an inner one that is not there',
      { sections: [map('maps', 12, 4, 4, 1, 0, 5)], symbols: [symbol('x', 'maps')] },
      /map x of maps does not say/,
    ],
  ])('%s is refused', (_, parts, message) => {
    const error = objectErrorOf(() => readObject(minimalElf(parts)));
    expect([error.code, error.message]).toEqual(['LegacyMap', expect.stringMatching(message)]);
    expect(objectErrorOf(() => upgradeLegacy(minimalElf(parts))).message).toBe(error.message);
  });

  test("iproute2's maps of maps name the inner one by its id", () => {
    const elf = minimalElf({
      sections: [map('maps', 13, 4, 4, 16, 0, 1, 0, 42, 0, /* inner */ 1, 4, 8, 2, 0, 42, 0, 0, 0)],
      symbols: [symbol('outer', 'maps', { size: 36 }), symbol('inner', 'maps', { value: 36, size: 36 })],
    });
    expect(readObject(upgradeLegacy(elf)).maps).toMatchObject([
      { name: 'outer', type: 13, valueSizeBytes: 4 },
      { name: 'inner', type: 1 },
    ]);
  });

  test.each([
    ['maps/packets', 'packets'],
    ['maps/by-port.v2', 'by_port_v2'],
    ['maps/9lives', '_9lives'],
    ['maps/', 'variable'],
    ['maps', 'variable'],
  ])('in section %s is called %s', (section, name) => {
    const elf = minimalElf({ sections: [map(section, ...hash, 0)], symbols: [symbol('variable', section)] });
    expect(readObject(elf).maps[0]?.name).toBe(name);
    expect(readObject(upgradeLegacy(elf)).maps[0]?.name).toBe(name);
  });

  test('two in a section with a suffix are called after their variables', () => {
    const elf = minimalElf({
      sections: [map('maps/m', ...hash, ...hash)],
      symbols: [symbol('a', 'maps/m'), symbol('b', 'maps/m', { value: 16 })],
    });
    expect(readObject(elf).maps.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  test('two of one name are refused', () => {
    const elf = minimalElf({
      sections: [map('maps/m', ...hash), map('maps', ...hash)],
      symbols: [symbol('a', 'maps/m'), symbol('m', 'maps')],
    });
    expect(objectErrorOf(() => readObject(elf))).toMatchObject({
      code: 'BadMap',
      message: 'read object: two maps are called m',
    });
  });

  test('an instruction that refers to no map is refused', () => {
    const elf = minimalElf({
      sections: [map('maps', ...hash), { name: '.relsocket', type: 9, info: 1, data: words(0, 0, 1, 3) }],
      symbols: [symbol('a', 'maps', { value: 0 }), { name: 'maps', section: 'maps', type: 3, bind: 0 }],
    });
    // The first instruction's immediate is 0, where a map is; so one more is made to point into it.
    expect(readObject(upgradeLegacy(elf)).maps).toHaveLength(1);
    const into = minimalElf({
      sections: [map('maps', ...hash), { name: '.relsocket', type: 9, info: 1, data: words(8, 0, 1, 3) }],
      symbols: [symbol('a', 'maps'), { name: 'maps', section: 'maps', type: 3, bind: 0 }],
    });
    into[64 + 12] = 4;
    expect(objectErrorOf(() => upgradeLegacy(into))).toMatchObject({
      code: 'LegacyMap',
      facts: { section: 'socket', offset: 12 },
    });
  });
});
