import { ElfFile } from '../../../../bpf/object/elf.ts';
import { maxNameBytes, maxObjectBytes, maxSections } from '../../../../bpf/object/limits.ts';
import { readObject } from '../../../../bpf/object/read-object.ts';
import { code, exitProgram, makeElf, minimalElf } from '../../../fixtures/elf-builder.ts';
import { objectErrorOf } from '../../../fixtures/object-error-of.ts';

type Patch = (view: DataView, bytes: Uint8Array) => void;

const patched = (patch: Patch, bytes = minimalElf()): Uint8Array => {
  patch(new DataView(bytes.buffer), bytes);
  return bytes;
};
const text = (value: string) => new TextEncoder().encode(value);
/** Where the header of section `index` starts. */
const headerAt = (view: DataView, index: number) => Number(view.getBigUint64(40, true)) + index * 64;

describe('what is not a little-endian 64-bit BPF object', () => {
  test.each<[string, Uint8Array, string, string]>([
    ['nothing', new Uint8Array(0), 'Empty', 'read object: the object is empty'],
    [
      'text',
      text('apiVersion: v1\n'),
      'NotAnELF',
      'read object: at 0x0: not an ELF: text [compile with clang -target bpf]',
    ],
    [
      'other bytes',
      new Uint8Array([0, 1, 2, 3]),
      'NotAnELF',
      'read object: at 0x0: not an ELF [compile with clang -target bpf]',
    ],
    [
      'three bytes of the magic',
      new Uint8Array([0x7f, 0x45, 0x4c]),
      'NotAnELF',
      'read object: at 0x0: not an ELF [compile with clang -target bpf]',
    ],
    [
      'gzip',
      new Uint8Array([0x1f, 0x8b, 8, 0]),
      'NotAnELF',
      'read object: at 0x0: not an ELF: a gzip file [decompress it once more]',
    ],
    [
      'base64',
      text('f0VMRgIBAQ'),
      'NotAnELF',
      'read object: at 0x0: not an ELF: an ELF in base64 [decode it; in a ConfigMap it belongs under binaryData]',
    ],
    [
      'bitcode',
      new Uint8Array([0x42, 0x43, 0xc0, 0xde]),
      'NotAnELF',
      'read object: at 0x0: not an ELF: LLVM bitcode [compile without -emit-llvm, or run llc -march=bpf]',
    ],
    [
      'x86-64',
      makeElf({ machine: 62 }),
      'NotBPF',
      'read object: at 0x12: x86-64 object, not BPF [compile with clang -target bpf]',
    ],
    [
      'ARM64',
      makeElf({ machine: 183 }),
      'NotBPF',
      'read object: at 0x12: ARM64 object, not BPF [compile with clang -target bpf]',
    ],
    [
      'a machine without name',
      makeElf({ machine: 9999 }),
      'NotBPF',
      'read object: at 0x12: machine 9999 object, not BPF [compile with clang -target bpf]',
    ],
    [
      '32-bit x86',
      patched((view, bytes) => {
        bytes[4] = 1;
        view.setUint16(18, 3, true);
      }),
      'Elf32',
      'read object: at 0x12: i386 object, 32-bit, not BPF [compile with clang -target bpf]',
    ],
    [
      '32-bit BPF',
      patched((_, bytes) => {
        bytes[4] = 1;
      }),
      'Elf32',
      'read object: at 0x4: a 32-bit ELF, a BPF object has 64 [compile with clang -target bpf]',
    ],
    [
      'big-endian BPF',
      patched((view, bytes) => {
        bytes[5] = 2;
        view.setUint16(18, 247, false);
      }),
      'BigEndian',
      'read object: at 0x5: a big-endian object; only little-endian machines are supported [compile with clang -target bpfel]',
    ],
    [
      'big-endian s390',
      patched((view, bytes) => {
        bytes[5] = 2;
        view.setUint16(18, 22, false);
      }),
      'NotBPF',
      'read object: at 0x12: s390 object, not BPF [compile with clang -target bpf]',
    ],
    [
      'a linked file',
      patched((view) => view.setUint16(16, 2, true)),
      'NotBPF',
      'read object: at 0x10: a linked file, not an object file [compile with -c]',
    ],
  ])('%s', (_, bytes, code, message) => {
    expect(objectErrorOf(() => readObject(bytes))).toMatchObject({ code, message });
  });

  test('machine 0, as clang wrote it before 2017, is BPF', () => {
    const elf = minimalElf({ machine: 0 });
    expect(readObject(elf).programs).toHaveLength(1);
  });
});

describe('a header that contradicts itself', () => {
  test.each<[string, Patch, string]>([
    [
      'ELF class 3',
      (_, bytes) => {
        bytes[4] = 3;
      },
      'BadHeader',
    ],
    [
      'byte order 0',
      (_, bytes) => {
        bytes[5] = 0;
      },
      'BadHeader',
    ],
    ['no section headers', (view) => view.setBigUint64(40, 0n, true), 'BadHeader'],
    ['section headers of 63 bytes', (view) => view.setUint16(58, 63, true), 'BadHeader'],
    ['names in a section that is not there', (view) => view.setUint16(62, 9, true), 'BadHeader'],
    ['section headers behind the end', (view) => view.setBigUint64(40, 1n << 40n, true), 'Truncated'],
    ['section headers at 2^63', (view) => view.setBigUint64(40, 1n << 63n, true), 'Truncated'],
    ['one section more than there is', (view) => view.setUint16(60, view.getUint16(60, true) + 1, true), 'Truncated'],
    ['one section more than allowed', (view) => view.setUint16(60, maxSections + 1, true), 'TooLarge'],
    [
      '2^32 sections by extended numbering',
      (view) => {
        view.setUint16(60, 0, true);
        view.setBigUint64(headerAt(view, 0) + 32, 1n << 32n, true);
      },
      'TooLarge',
    ],
    [
      'a section that ends behind the file',
      (view) => view.setBigUint64(headerAt(view, 1) + 32, 1n << 33n, true),
      'Truncated',
    ],
    ['a symbol table without its strings', (view) => view.setUint32(headerAt(view, 2) + 40, 1, true), 'BadSection'],
    ['half a symbol', (view) => view.setBigUint64(headerAt(view, 2) + 32, 47n, true), 'BadSection'],
    ['two symbol tables', (view) => view.setUint32(headerAt(view, 1) + 4, 2, true), 'BadSection'],
  ])('%s', (_, patch, code) => {
    expect(objectErrorOf(() => readObject(patched(patch))).code).toBe(code);
  });

  test('every shorter file is refused', () => {
    const whole = minimalElf();
    for (let length = 0; length < whole.length; length++) {
      const error = objectErrorOf(() => readObject(whole.slice(0, length)));
      expect(['Empty', 'NotAnELF', 'Truncated']).toContain(error.code);
    }
  });
});

describe('limits, both sides of each', () => {
  test('a file of the largest size, and a byte more', () => {
    const whole = minimalElf();
    const largest = new Uint8Array(maxObjectBytes);
    largest.set(whole);
    expect(readObject(largest).programs).toHaveLength(1);
    const larger = new Uint8Array(maxObjectBytes + 1);
    larger.set(whole);
    expect(objectErrorOf(() => readObject(larger))).toMatchObject({
      code: 'TooLarge',
      facts: { limit: maxObjectBytes },
    });
  });

  test('a name of the largest length, and a byte more', () => {
    const named = (length: number) =>
      makeElf({
        sections: [{ name: 'socket', ...code, data: exitProgram }],
        symbols: [{ name: 'f'.repeat(length), section: 'socket', size: 16 }],
      });
    expect(readObject(named(maxNameBytes)).programs[0]?.name).toHaveLength(maxNameBytes);
    expect(objectErrorOf(() => readObject(named(maxNameBytes + 1)))).toMatchObject({
      code: 'TooLarge',
      facts: { limit: maxNameBytes },
    });
  });

  test('as many sections as allowed, and one more', () => {
    const sections = (count: number) => Array.from({ length: count - 4 }, (_, i) => ({ name: `s${i}` }));
    expect(readObject(minimalElf({ sections: sections(maxSections) })).programs).toHaveLength(1);
    const error = objectErrorOf(() => readObject(minimalElf({ sections: sections(maxSections + 1) })));
    expect(error).toMatchObject({ code: 'TooLarge', facts: { limit: maxSections } });
  });
});

describe('symbols', () => {
  test('labels, sections, undefined and absolute symbols are left out', () => {
    const elf = new ElfFile(
      minimalElf({
        symbols: [
          { name: 'LBB0_1', section: 'socket', type: 0, bind: 0, value: 8 },
          { name: 'socket', section: 'socket', type: 3, bind: 0 },
          { name: 'elsewhere', section: 0 },
          { name: 'file.c', section: 0xfff1, type: 1, bind: 0 },
          { name: 'old_style', section: 'socket', type: 0, bind: 1, value: 8 },
        ],
      }),
    );
    expect(elf.symbols.map(({ name }) => name)).toEqual(['drop', 'old_style']);
  });

  test.each([
    ['ends with its section', 0, 16, undefined],
    ['ends a byte behind it', 1, 16, 'BadSymbol'],
    ['starts behind it', 17, 0, 'BadSymbol'],
  ])('one that %s', (_, value, size, code) => {
    const elf = () => new ElfFile(minimalElf({ symbols: [{ name: 'x', section: 'socket', value, size }] }));
    if (code === undefined) expect(elf().symbols).toHaveLength(2);
    else expect(objectErrorOf(elf)).toMatchObject({ code, facts: { section: 'socket', offset: value } });
  });

  test('one in a section that is not there', () => {
    expect(objectErrorOf(() => new ElfFile(minimalElf({ symbols: [{ name: 'x', section: 77 }] }))).code).toBe(
      'BadSymbol',
    );
  });
});
