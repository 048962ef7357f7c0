import { existsSync, readFileSync } from 'node:fs';
import { readBtf } from '../../../../bpf/object/btf.ts';
import { maxLayoutMembers, maxTypeDepth } from '../../../../bpf/object/limits.ts';
import {
  array,
  datasec,
  int,
  makeBtf,
  pointer,
  struct,
  type TypeParts,
  typedef,
  union,
  variable,
} from '../../../fixtures/btf-builder.ts';
import { objectErrorOf } from '../../../fixtures/object-error-of.ts';

const u32 = int('unsigned int', 4);
const layoutOf = (id: number, ...types: TypeParts[]) => readBtf(makeBtf(types)).layout(id);
const nameOf = (id: number, ...types: TypeParts[]) => readBtf(makeBtf(types)).nameOf(id);
const patched = (patch: (view: DataView) => void, types: TypeParts[] = [u32]): Uint8Array => {
  const bytes = makeBtf(types);
  patch(new DataView(bytes.buffer));
  return bytes;
};

describe('the blob', () => {
  test.each<[string, Uint8Array, string, number | undefined]>([
    ['nothing', new Uint8Array(0), 'Truncated', 0],
    ['half a header', makeBtf([]).slice(0, 12), 'Truncated', 12],
    ['another magic', patched((view) => view.setUint16(0, 0x1234, true)), 'BadBTF', 0],
    ['big-endian', patched((view) => view.setUint16(0, 0xeb9f, false)), 'BigEndian', 0],
    ['version 2', patched((view) => view.setUint8(2, 2)), 'BadBTF', 2],
    ['a header of 23 bytes', patched((view) => view.setUint32(4, 23, true)), 'BadBTF', 4],
    ['types behind the end', patched((view) => view.setUint32(12, 1000, true)), 'Truncated', 24],
    ['a type section that ends in a type', patched((view) => view.setUint32(12, 15, true)), 'Truncated', 24],
    ['a type section that ends in a record', patched((view) => view.setUint32(12, 17, true)), 'Truncated', 44],
    ['strings behind the end', patched((view) => view.setUint32(20, 1000, true)), 'Truncated', 40],
    ['no strings', patched((view) => view.setUint32(20, 0, true)), 'BadBTF', 40],
    ['strings without their end', patched((view) => view.setUint32(20, 5, true)), 'BadBTF', 40],
    ['kind 0', makeBtf([u32, { kind: 0 }]), 'BadBTF', 40],
    ['kind 20', makeBtf([u32, { kind: 20 }]), 'BadBTF', 40],
  ])('%s', (_, bytes, code, offset) => {
    expect(objectErrorOf(() => readBtf(bytes))).toMatchObject({ code, facts: { section: '.BTF', offset } });
  });

  test('an error reads with section and offset', () => {
    expect(objectErrorOf(() => readBtf(makeBtf([u32, { kind: 20 }]))).message).toBe(
      'read object: section .BTF at 0x28: type 2 is of unknown kind 20',
    );
  });

  test('every kind is stepped over by its right length', () => {
    // Each followed by an int, found only if the length before it was right.
    const kinds: TypeParts[] = [
      int('a', 4),
      pointer(1),
      array(1, 4),
      struct('s', 8, [
        ['x', 1, 0],
        ['y', 1, 32],
      ]),
      union('u', 4, [['x', 1, 0]]),
      { kind: 6, name: 'e', sizeOrType: 4, count: 2, data: ['A', 0, 'B', 1] },
      { kind: 7, name: 'f' },
      typedef('t', 1),
      { kind: 9, sizeOrType: 1 },
      { kind: 10, sizeOrType: 1 },
      { kind: 11, sizeOrType: 2 },
      { kind: 12, name: 'fn', sizeOrType: 13 },
      { kind: 13, count: 2, data: ['x', 1, 'y', 1] },
      variable('v', 1),
      datasec('.bss', [[14, 0, 4]]),
      { kind: 16, name: 'float', sizeOrType: 4 },
      { kind: 17, name: 'tag', sizeOrType: 1, data: [0xffff_ffff] },
      { kind: 18, name: 'user', sizeOrType: 1 },
      { kind: 19, name: 'e64', sizeOrType: 8, count: 1, data: ['C', 0, 1] },
    ];
    for (const [i, type] of kinds.entries()) {
      const ids = Array.from({ length: 19 }, () => u32);
      const table = readBtf(makeBtf([...ids, type, int('after', 2)]));
      expect([i, table.count, table.layout(21)]).toEqual([
        i,
        21,
        { kind: 'int', sizeBytes: 2, signed: false, encoding: 'int' },
      ]);
    }
  });

  test('an id that is not there', () => {
    const table = readBtf(makeBtf([u32]));
    for (const id of [2, 0xffff_ffff, -1, 1.5]) expect(objectErrorOf(() => table.layout(id)).code).toBe('BadBTF');
    expect(table.layout(0)).toEqual({ kind: 'opaque', sizeBytes: 0 });
    expect(table.nameOf(0)).toBe('void');
  });
});

describe('layouts', () => {
  test.each<[string, TypeParts, object]>([
    ['unsigned', int('unsigned int', 4), { kind: 'int', sizeBytes: 4, signed: false, encoding: 'int' }],
    ['signed', int('long', 8, 1), { kind: 'int', sizeBytes: 8, signed: true, encoding: 'int' }],
    ['char by its name', int('char', 1, 1), { kind: 'int', sizeBytes: 1, signed: true, encoding: 'char' }],
    ['char by its encoding', int('c', 1, 2), { kind: 'int', sizeBytes: 1, signed: false, encoding: 'char' }],
    ['no char by its name', int('unsigned char', 1), { kind: 'int', sizeBytes: 1, signed: false, encoding: 'int' }],
    ['bool', int('_Bool', 1, 4), { kind: 'int', sizeBytes: 1, signed: false, encoding: 'bool' }],
    ['128 bits', int('__int128', 16, 1), { kind: 'int', sizeBytes: 16, signed: true, encoding: 'int' }],
    ['float', { kind: 16, name: 'double', sizeOrType: 8 }, { kind: 'float', sizeBytes: 8 }],
    ['pointer', pointer(1), { kind: 'pointer', sizeBytes: 8 }],
    ['forward declaration', { kind: 7, name: 'f' }, { kind: 'opaque', sizeBytes: 0 }],
    ['function', { kind: 12, name: 'f', sizeOrType: 0 }, { kind: 'opaque', sizeBytes: 0 }],
    ['declaration tag', { kind: 17, name: 'f', sizeOrType: 1, data: [0] }, { kind: 'opaque', sizeBytes: 0 }],
  ])('%s', (_, type, layout) => {
    expect(layoutOf(1, type)).toEqual(layout);
  });

  test.each([
    ['17 bytes', int('x', 17, 0, 128)],
    ['more bits than bytes', int('x', 4, 0, 33)],
    ['bits that end behind it', int('x', 4, 0, 16, 17)],
  ])('an integer of %s is refused', (_, type) => {
    expect(objectErrorOf(() => layoutOf(1, type)).code).toBe('BadBTF');
  });

  test('typedefs, qualifiers, tags and variables do not change a layout', () => {
    const chain = [
      u32,
      typedef('t', 1),
      ...[9, 10, 11, 18].map((kind, i) => ({ kind, sizeOrType: i + 2 })),
      variable('v', 6),
    ];
    expect(layoutOf(7, ...chain)).toEqual(layoutOf(1, u32));
  });

  test('enumerators: signed by kind_flag, 64 bits, the first name of a value', () => {
    const data = ['A', 0xffff_fffe, 'B', 1, 'C', 1];
    const enumerators = (id: number, ...types: TypeParts[]) => {
      const layout = layoutOf(id, ...types);
      return layout.kind === 'enum' ? [layout.signed, [...layout.enumerators]] : undefined;
    };
    const enum32 = { kind: 6, name: 'e', sizeOrType: 4, count: 3, data };
    expect(enumerators(1, enum32)).toEqual([
      false,
      [
        [0xffff_fffen, 'A'],
        [1n, 'B'],
      ],
    ]);
    expect(enumerators(1, { ...enum32, kindFlag: true })).toEqual([
      true,
      [
        [-2n, 'A'],
        [1n, 'B'],
      ],
    ]);
    const enum64 = { kind: 19, name: 'e', sizeOrType: 8, count: 2, data: ['A', 0xffff_fffe, 0xffff_ffff, 'B', 1, 2] };
    expect(enumerators(1, enum64)).toEqual([
      false,
      [
        [0xffff_ffff_ffff_fffen, 'A'],
        [0x2_0000_0001n, 'B'],
      ],
    ]);
    expect(enumerators(1, { ...enum64, kindFlag: true })).toEqual([
      true,
      [
        [-2n, 'A'],
        [0x2_0000_0001n, 'B'],
      ],
    ]);
    expect(objectErrorOf(() => layoutOf(1, { ...enum32, sizeOrType: 3 })).code).toBe('BadBTF');
  });

  test('arrays of arrays, and what overflows', () => {
    expect(layoutOf(3, u32, array(1, 3), array(2, 2))).toMatchObject({
      sizeBytes: 24,
      count: 2,
      element: { sizeBytes: 12, count: 3 },
    });
    expect(layoutOf(2, u32, array(1, 0x3fff_ffff))).toMatchObject({ sizeBytes: 0xffff_fffc });
    expect(objectErrorOf(() => layoutOf(2, u32, array(1, 0x4000_0000))).code).toBe('TooLarge');
    expect(objectErrorOf(() => layoutOf(4, u32, array(1, 0xffff), array(2, 0xffff), array(3, 0xffff))).code).toBe(
      'TooLarge',
    );
  });

  test('elements without size are none, whatever their number', () => {
    expect(layoutOf(3, u32, struct('empty', 0, []), array(2, 0xffff_ffff))).toMatchObject({
      kind: 'array',
      sizeBytes: 0,
      count: 0,
    });
  });

  test('members at their offsets, anonymous ones without a name', () => {
    const layout = layoutOf(
      3,
      u32,
      union('', 4, [['low', 1, 0]]),
      struct('s', 12, [
        ['a', 1, 0],
        ['', 2, 64],
      ]),
    );
    expect(layout).toMatchObject({
      kind: 'struct',
      name: 's',
      members: [
        { name: 'a', offsetBytes: 0, bitfield: undefined },
        { name: '', offsetBytes: 8, layout: { kind: 'union', members: [{ name: 'low', offsetBytes: 0 }] } },
      ],
    });
  });

  test('bitfields in both encodings', () => {
    // struct { u32 a:3, b:7; u64 c:40; } by kind_flag: size in the upper 8 bits of the offset
    const fields = [
      ['a', 1, (3 << 24) | 0],
      ['b', 1, (7 << 24) | 3],
      ['c', 2, (40 << 24) | 10],
    ] as const;
    const members = (id: number, ...types: TypeParts[]) => {
      const layout = layoutOf(id, ...types);
      return layout.kind === 'struct'
        ? layout.members.map(({ name, offsetBytes, bitfield }) => [name, offsetBytes, bitfield])
        : undefined;
    };
    const expected = [
      ['a', 0, { bitOffset: 0, bitSize: 3 }],
      ['b', 0, { bitOffset: 3, bitSize: 7 }],
      ['c', 1, { bitOffset: 2, bitSize: 40 }],
    ];
    expect(members(3, u32, int('unsigned long', 8), struct('s', 8, fields, true))).toEqual(expected);
    // … and before it (clang 7): an integer type of its own per width, through a typedef as well
    const old = [
      int('unsigned int', 4, 0, 3),
      int('unsigned int', 4, 0, 7),
      typedef('seven', 2),
      int('unsigned long', 8, 0, 40),
    ];
    expect(
      members(
        5,
        ...old,
        struct('s', 8, [
          ['a', 1, 0],
          ['b', 3, 3],
          ['c', 4, 10],
        ]),
      ),
    ).toEqual(expected);
    // BTF_INT_OFFSET counts from the member's offset
    expect(members(2, int('x', 4, 0, 5, 6), struct('s', 4, [['a', 1, 8]]))).toEqual([
      ['a', 1, { bitOffset: 6, bitSize: 5 }],
    ]);
  });

  test.each<[string, TypeParts]>([
    ['a member behind the end', struct('s', 7, [['a', 1, 32]])],
    ['a bitfield behind the end', struct('s', 4, [['a', 1, (9 << 24) | 24]], true)],
    ['a bitfield of more bits than its type', struct('s', 8, [['a', 1, 33 << 24]], true)],
    ['a member that starts in a byte', struct('s', 8, [['a', 1, 3]])],
    ['a member of a type that is not there', struct('s', 8, [['a', 99, 0]])],
  ])('%s is refused', (_, type) => {
    expect(objectErrorOf(() => layoutOf(2, u32, type)).code).toBe('BadBTF');
  });

  test('the last bit that fits', () => {
    expect(layoutOf(2, u32, struct('s', 4, [['a', 1, (8 << 24) | 24]], true))).toMatchObject({
      members: [{ offsetBytes: 3 }],
    });
  });

  test.each<[string, TypeParts[]]>([
    ['a struct that holds itself', [struct('s', 8, [['self', 1, 0]])]],
    ['an array of itself', [array(1, 2)]],
    ['a struct of an array of it', [array(2, 2), struct('s', 8, [['a', 1, 0]])]],
    ['a typedef of itself', [typedef('t', 1)]],
    ['two typedefs of each other', [typedef('t', 2), typedef('u', 1)]],
    ['const of itself', [{ kind: 10, sizeOrType: 1 }]],
  ])('%s is refused', (_, types) => {
    expect(objectErrorOf(() => layoutOf(1, ...types)).code).toBe('BadBTF');
  });

  test('a pointer to itself is a pointer', () => {
    expect(layoutOf(1, struct('node', 8, [['next', 2, 0]]), pointer(1))).toMatchObject({
      members: [{ layout: { kind: 'pointer' } }],
    });
  });

  test('the deepest nesting allowed, and one more, from either end', () => {
    // Type 1 is an int of depth 1, type n a struct around type n - 1.
    const nested = (depth: number) => [
      u32,
      ...Array.from({ length: depth - 1 }, (_, i) => struct('s', 4, [['a', i + 1, 0]])),
    ];
    expect(layoutOf(maxTypeDepth, ...nested(maxTypeDepth)).sizeBytes).toBe(4);
    const table = readBtf(makeBtf(nested(maxTypeDepth + 1)));
    for (let id = 1; id <= maxTypeDepth; id++) table.layout(id);
    expect(objectErrorOf(() => table.layout(maxTypeDepth + 1))).toMatchObject({
      code: 'TooLarge',
      facts: { limit: maxTypeDepth },
    });
    expect(objectErrorOf(() => layoutOf(maxTypeDepth + 1, ...nested(maxTypeDepth + 1)))).toMatchObject({
      code: 'TooLarge',
    });
  });

  test('unions of unions that unfold to 2^40 members', () => {
    const doubling = [
      u32,
      ...Array.from({ length: 40 }, (_, i) =>
        union('u', 4, [
          ['a', i + 1, 0],
          ['b', i + 1, 0],
        ]),
      ),
    ];
    // u(n) has 2 × u(n - 1) + 1 members: u(15) has 65,535.
    expect(maxLayoutMembers).toBe(65_536);
    expect(layoutOf(16, ...doubling).sizeBytes).toBe(4);
    expect(objectErrorOf(() => layoutOf(17, ...doubling))).toMatchObject({
      code: 'TooLarge',
      facts: { limit: maxLayoutMembers },
    });
    expect(objectErrorOf(() => layoutOf(41, ...doubling))).toMatchObject({ code: 'TooLarge' });
  });

  test('a layout is made once', () => {
    const table = readBtf(makeBtf([u32, struct('s', 4, [['a', 1, 0]])]));
    expect(table.layout(2)).toBe(table.layout(2));
  });
});

describe('names as C writes them', () => {
  const base = [int('char', 1, 1), struct('event', 1, [['c', 1, 0]]), typedef('u8', 1)];
  test.each<[string, TypeParts[]]>([
    ['u8', [typedef('u8', 1)]],
    ['const char', [{ kind: 10, sizeOrType: 1 }]],
    ['struct event', [{ kind: 18, name: 'user', sizeOrType: 2 }]],
    ['const u8 *', [pointer(5), { kind: 10, sizeOrType: 3 }]],
    ['char *const', [{ kind: 10, sizeOrType: 5 }, pointer(1)]],
    ['struct event **', [pointer(5), pointer(2)]],
    ['char[2][3]', [array(5, 2), array(1, 3)]],
    ['char *[4]', [array(5, 4), pointer(1)]],
    ['char (*)[4]', [pointer(5), array(1, 4)]],
    ['void (*)()', [pointer(5), { kind: 13, sizeOrType: 0 }]],
    ['enum e', [{ kind: 6, name: 'e', sizeOrType: 4 }]],
    ['union f', [{ kind: 7, name: 'f', kindFlag: true }]],
    ['struct f', [{ kind: 7, name: 'f' }]],
    ['float', [{ kind: 16, name: 'float', sizeOrType: 4 }]],
    ['', [struct('', 0, [])]],
    ['', [pointer(5), struct('', 0, [])]],
  ])('%s', (name, types) => {
    expect(nameOf(4, ...base, ...types)).toBe(name);
  });

  test('a chain without end', () => {
    expect(objectErrorOf(() => nameOf(1, pointer(1)))).toMatchObject({
      code: 'TooLarge',
      facts: { limit: maxTypeDepth },
    });
  });
});

const vmlinux = '/sys/kernel/btf/vmlinux';
// A kernel may have no BTF; where CI's has none, the runner makes a failure of this skip.
(existsSync(vmlinux) ? describe : describe.skip)(`the running kernel's own BTF, where it is at ${vmlinux}`, () => {
  test('every type has a layout and a name, and task_struct has its pid', () => {
    const bytes = readFileSync(vmlinux);
    let table = readBtf(bytes);
    let task = 0;
    for (let id = 1; id <= table.count; id++) {
      // A whole distribution kernel has more members than one table decodes.
      if (id % 50_000 === 0) table = readBtf(bytes);
      table.layout(id);
      if (table.nameOf(id) === 'struct task_struct') task = id;
    }
    const layout = table.layout(task);
    const pid = layout.kind === 'struct' ? layout.members.find(({ name }) => name === 'pid') : undefined;
    expect(pid?.layout).toEqual({ kind: 'int', sizeBytes: 4, signed: true, encoding: 'int' });
  });
});
