import { readObject } from '../../../../bpf/object/read-object.ts';
import {
  array,
  datasec,
  int,
  makeBtf,
  pointer,
  struct,
  type TypeParts,
  variable,
} from '../../../fixtures/btf-builder.ts';
import { code, exitProgram, makeElf, minimalElf, words } from '../../../fixtures/elf-builder.ts';
import { objectErrorOf } from '../../../fixtures/object-error-of.ts';

const text = (value: string) => new TextEncoder().encode(value);
const twice = [...exitProgram, ...exitProgram];

describe('programs', () => {
  test('several in one section are told apart by their symbols; what is static or in .text is none', () => {
    const elf = makeElf({
      sections: [
        { name: '.text', ...code, data: exitProgram },
        { name: 'tc', ...code, data: [...twice, ...exitProgram] },
        { name: 'kprobe/x', ...code, data: exitProgram },
        { name: 'data', flags: 3, data: exitProgram },
      ],
      symbols: [
        { name: 'third', section: 'kprobe/x', size: 16 },
        { name: 'second', section: 'tc', value: 16, size: 16 },
        { name: 'first', section: 'tc', size: 16 },
        { name: 'hidden', section: 'tc', bind: 0, value: 32, size: 16 },
        { name: 'helper', section: '.text', size: 16 },
        { name: 'no_code', section: 'data', size: 16 },
      ],
    });
    expect(readObject(elf).programs).toEqual([
      { name: 'first', section: 'tc', type: 'sched_cls', insnCount: 2 },
      { name: 'second', section: 'tc', type: 'sched_cls', insnCount: 2 },
      { name: 'third', section: 'kprobe/x', type: 'kprobe', insnCount: 2 },
    ]);
  });

  test('without types and sizes, as LLVM left them before 8, each ends where the next one starts', () => {
    const elf = makeElf({
      sections: [{ name: 'socket/prog', ...code, data: [...twice, ...exitProgram] }],
      symbols: [
        { name: 'first', section: 1, type: 0 },
        { name: 'LBB0_1', section: 1, type: 0, bind: 0, value: 8 },
        { name: 'second', section: 1, type: 0, value: 16 },
      ],
    });
    expect(readObject(elf).programs).toEqual([
      { name: 'first', section: 'socket/prog', type: 'socket_filter', insnCount: 2 },
      { name: 'second', section: 'socket/prog', type: 'socket_filter', insnCount: 4 },
    ]);
  });

  test.each<[string, Parameters<typeof makeElf>[0], string, string]>([
    ['no sections', {}, 'NoPrograms', 'read object: the object has no programs [give a function a SEC("…")]'],
    [
      'only .text',
      { sections: [{ name: '.text', ...code, data: exitProgram }], symbols: [{ name: 'f', section: 1, size: 16 }] },
      'NoPrograms',
      'read object: the object has no programs [its functions are in .text; give one a SEC("…")]',
    ],
    [
      'only a static one',
      {
        sections: [{ name: 'xdp', ...code, data: exitProgram }],
        symbols: [{ name: 'f', section: 1, bind: 0, size: 16 }],
      },
      'NoPrograms',
      'read object: the object has no programs [give a function a SEC("…")]',
    ],
    [
      'one of 15 bytes',
      { sections: [{ name: 'xdp', ...code, data: exitProgram }], symbols: [{ name: 'f', section: 1, size: 15 }] },
      'BadSymbol',
      'read object: section xdp at 0x0: program f of 15 bytes is not made of instructions',
    ],
    [
      'one from the fourth byte',
      {
        sections: [{ name: 'xdp', ...code, data: exitProgram }],
        symbols: [{ name: 'f', section: 1, value: 4, size: 8 }],
      },
      'BadSymbol',
      'read object: section xdp at 0x4: program f of 8 bytes is not made of instructions',
    ],
    [
      'one at the end',
      { sections: [{ name: 'xdp', ...code, data: exitProgram }], symbols: [{ name: 'f', section: 1, value: 16 }] },
      'BadSymbol',
      'read object: section xdp at 0x10: program f is empty',
    ],
  ])('%s', (_, parts, code, message) => {
    expect(objectErrorOf(() => readObject(makeElf(parts)))).toMatchObject({ code, message });
  });
});

describe('license and version', () => {
  test('the license up to NUL, or to its end', () => {
    const license = (data: Uint8Array) => readObject(minimalElf({ sections: [{ name: 'license', data }] })).license;
    expect(license(text('GPL\0junk'))).toBe('GPL');
    expect(license(text('GPL'))).toBe('GPL');
    expect(license(text(''))).toBe('');
    expect(license(text('x'.repeat(200)))).toHaveLength(128);
    expect(readObject(minimalElf()).license).toBeUndefined();
  });

  test('the version is one u32', () => {
    const version = (data: Uint8Array) =>
      readObject(minimalElf({ sections: [{ name: 'version', data }] })).kernelVersion;
    expect(version(words(0xffff_fffe))).toBe(0xffff_fffe);
    expect(readObject(minimalElf()).kernelVersion).toBeUndefined();
    for (const length of [0, 3, 5]) {
      expect(objectErrorOf(() => version(new Uint8Array(length)))).toMatchObject({
        code: 'BadSection',
        facts: { section: 'version' },
      });
    }
  });
});

/** Types 1 to 3: u32, an array index type, and a pointer to u32; then pairs of array and pointer, and the map. */
function mapObject(
  fields: readonly (readonly [name: string, uintOrType: number | { type: number }])[],
  more: readonly TypeParts[] = [],
): Uint8Array {
  const types: TypeParts[] = [int('unsigned int', 4), int('unsigned long long', 8), ...more];
  const members = fields.map(([name, value], i) => {
    if (typeof value === 'number') types.push(array(1, value), pointer(types.length + 1));
    else types.push(pointer(value.type));
    return [name, types.length, i * 64] as const;
  });
  types.push(struct('', fields.length * 8, members));
  types.push(variable('m', types.length));
  types.push(datasec('.maps', [[types.length, 0, fields.length * 8]]));
  return minimalElf({
    sections: [
      { name: '.maps', flags: 3, data: new Uint8Array(fields.length * 8) },
      { name: '.BTF', data: makeBtf(types) },
    ],
    symbols: [{ name: 'm', section: '.maps', type: 1, size: fields.length * 8 }],
  });
}

describe('maps by BTF', () => {
  test('numbers as pointers to arrays, types as pointers, what is not known passed over', () => {
    const elf = mapObject([
      ['type', 1],
      ['max_entries', 0xffff_ffff],
      ['key', { type: 1 }],
      ['key_size', 4],
      ['value_size', 8],
      ['value', { type: 2 }],
      ['map_flags', 0x80],
      ['pinning', 1],
      ['of_the_future', { type: 0 }],
    ]);
    expect(readObject(elf).maps).toEqual([
      {
        name: 'm',
        type: 1,
        keySizeBytes: 4,
        valueSizeBytes: 8,
        maxEntries: 0xffff_ffff,
        flags: 0x80,
        keyTypeId: 1,
        valueTypeId: 2,
      },
    ]);
  });

  test('a map of maps holds file descriptors', () => {
    const elf = mapObject([
      ['type', 13],
      ['key_size', 4],
      ['values', { type: 1 }],
    ]);
    expect(readObject(elf).maps[0]).toMatchObject({
      type: 13,
      keySizeBytes: 4,
      valueSizeBytes: 4,
      valueTypeId: undefined,
    });
  });

  test.each<[string, Uint8Array, string, RegExp]>([
    ['no type', mapObject([['key_size', 4]]), 'BadMap', /map m has no type/],
    ['a number that is none', mapObject([['type', { type: 1 }]]), 'BadMap', /map m: type is no number/],
    [
      'key and key_size that differ',
      mapObject([
        ['type', 1],
        ['key', { type: 1 }],
        ['key_size', 8],
      ]),
      'BadMap',
      /key_size of 8 bytes contradicts 4 bytes/,
    ],
    [
      'a value that holds itself',
      mapObject(
        [
          ['type', 1],
          ['value', { type: 3 }],
        ],
        [struct('s', 4, [['s', 3, 0]])],
      ),
      'BadBTF',
      /type 3 contains itself/,
    ],
    [
      'no BTF',
      minimalElf({ sections: [{ name: '.maps', data: new Uint8Array(8) }] }),
      'BadBTF',
      /section \.maps: the object has maps, and no BTF .*\[compile with -g/,
    ],
    [
      'BTF without .maps',
      minimalElf({
        sections: [
          { name: '.maps', data: [0] },
          { name: '.BTF', data: makeBtf([]) },
        ],
      }),
      'BadBTF',
      /no BTF that describes them/,
    ],
  ])('%s', (_, elf, code, message) => {
    const error = objectErrorOf(() => readObject(elf));
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
  });
});

describe('globals', () => {
  const types = [int('int', 4, 1), variable('a', 1), variable('b', 1), variable('s', 1, 0)];
  const object = (section: TypeParts, more: Parameters<typeof minimalElf>[0] = {}) =>
    minimalElf({
      sections: [
        { name: '.data.mine', flags: 3, data: new Uint8Array(16) },
        { name: '.BTF', data: makeBtf([...types, section]) },
      ],
      symbols: [
        { name: 'a', section: '.data.mine', type: 1, value: 8, size: 4 },
        { name: 'b', section: '.data.mine', type: 1, value: 4, size: 4 },
      ],
      ...more,
    });

  test('globals are where their symbols are, statics where BTF says', () => {
    const elf = object(
      datasec('.data.mine', [
        [2, 0, 4],
        [3, 0, 4],
        [4, 12, 4],
      ]),
    );
    expect(readObject(elf).globals).toEqual([
      { name: 'b', section: '.data.mine', offsetBytes: 4, sizeBytes: 4, typeId: 1, linkage: 'global' },
      { name: 'a', section: '.data.mine', offsetBytes: 8, sizeBytes: 4, typeId: 1, linkage: 'global' },
      { name: 's', section: '.data.mine', offsetBytes: 12, sizeBytes: 4, typeId: 1, linkage: 'static' },
    ]);
  });

  test('sections that hold no variables of ours are passed over', () => {
    for (const name of ['.ksyms', '.kconfig', 'license', '.database', '.rodata2']) {
      expect(readObject(object(datasec(name, [[2, 0, 4]]))).globals).toEqual([]);
    }
  });

  test.each<[string, TypeParts[]]>([
    ['ends behind its section', [datasec('.data.mine', [[4, 13, 4]])]],
    ['is larger than its section', [datasec('.data.mine', [[4, 0, 17]])]],
    ['is no variable', [datasec('.data.mine', [[1, 0, 4]])]],
    ['is in a section described twice', [datasec('.data.mine', [[2, 0, 4]]), datasec('.data.mine', [[2, 0, 4]])]],
    ['is of unknown linkage', [datasec('.data.mine', [[6, 0, 4]]), variable('odd', 1, 3)]],
  ])('one that %s is refused', (_, sections) => {
    const [first, ...rest] = sections;
    const elf = minimalElf({
      sections: [
        { name: '.data.mine', flags: 3, data: new Uint8Array(16) },
        { name: '.BTF', data: makeBtf([...types, ...(first === undefined ? [] : [first]), ...rest]) },
      ],
    });
    expect(objectErrorOf(() => readObject(elf)).code).toBe('BadBTF');
  });
});

describe('.BTF.ext', () => {
  const btf = makeBtf([int('int', 4)]);
  const withExt = (data: Uint8Array) =>
    readObject(
      minimalElf({
        sections: [
          { name: '.BTF', data: btf },
          { name: '.BTF.ext', data },
        ],
      }),
    );
  const header = (length: number, ...parts: number[]) => [0x0001_eb9f, length, ...parts];

  test('CO-RE relocations are seen where there is at least one', () => {
    expect(withExt(words(...header(24, 0, 0, 0, 0)))).toMatchObject({ hasBtfExt: true, hasCoreRelocations: false });
    expect(withExt(words(...header(32, 0, 0, 0, 0, 0, 0)))).toMatchObject({
      hasBtfExt: true,
      hasCoreRelocations: false,
    });
    expect(withExt(words(...header(32, 0, 0, 0, 0, 0, 12), 16, 1, 0))).toMatchObject({ hasCoreRelocations: false });
    expect(withExt(words(...header(32, 0, 0, 0, 0, 0, 28), 16, 1, 1, 0, 1, 1, 0))).toMatchObject({
      hasCoreRelocations: true,
    });
    expect(readObject(minimalElf())).toMatchObject({ hasBtf: false, hasBtfExt: false, hasCoreRelocations: false });
  });

  test.each<[string, Uint8Array, string]>([
    ['records behind the end', words(...header(32, 0, 0, 0, 0, 0, 28), 16, 1, 2, 0, 1, 1, 0), 'Truncated'],
    ['a part behind the end', words(...header(32, 0, 0, 0, 0, 0, 32), 16, 1, 1, 0, 1, 1, 0), 'Truncated'],
    ['records of 4 bytes', words(...header(32, 0, 12, 0, 0, 0, 0), 4, 1, 0), 'BadBTF'],
    ['another magic', words(0x0001_1234, 24, 0, 0, 0, 0), 'BadBTF'],
    ['version 2', words(0x0002_eb9f, 24, 0, 0, 0, 0), 'BadBTF'],
  ])('%s', (_, data, code) => {
    expect(objectErrorOf(() => withExt(data))).toMatchObject({ code, facts: { section: '.BTF.ext' } });
  });
});
