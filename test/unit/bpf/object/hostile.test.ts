import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { type Btf, readBtf } from '../../../../bpf/object/btf.ts';
import {
  maxDecodedMembers,
  maxDecodedNameBytes,
  maxLayoutMembers,
  maxNameBytes,
} from '../../../../bpf/object/limits.ts';
import { ObjectError } from '../../../../bpf/object/object-error.ts';
import { readObject } from '../../../../bpf/object/read-object.ts';
import { Region } from '../../../../bpf/object/region.ts';
import type { Layout, ObjectSpec, TypeTable } from '../../../../bpf/object/spec.ts';
import { StringTable } from '../../../../bpf/object/string-table.ts';
import { upgradeLegacy } from '../../../../bpf/object/upgrade-legacy.ts';
import { array, datasec, int, makeBtf, struct, type TypeParts, variable } from '../../../fixtures/btf-builder.ts';
import { compileBpf } from '../../../fixtures/compile.ts';
import { makeElf, minimalElf } from '../../../fixtures/elf-builder.ts';
import { legacyObjects } from '../../../fixtures/legacy-objects.ts';
import { objectErrorOf } from '../../../fixtures/object-error-of.ts';

const modern = fileURLToPath(new URL('../../../fixtures/objects/modern.bpf.c', import.meta.url));
const objects = [compileBpf(modern), ...Object.values(legacyObjects()), minimalElf()];

/** A value, or undefined for an ObjectError; whatever else is thrown comes through and fails the property. */
function valueOrError<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (thrown) {
    if (thrown instanceof ObjectError) return undefined;
    throw thrown;
  }
}

/** Walks a layout as a reader of bytes would; every member must be inside, and there must be an end to them. */
function walk(layout: Layout, budget = { left: maxLayoutMembers }): void {
  budget.left -= 1;
  if (budget.left < 0) throw new Error('a layout of more members than allowed');
  if (layout.kind === 'array') {
    if (layout.count * layout.element.sizeBytes !== layout.sizeBytes)
      throw new Error('an array of another size than its elements');
    walk(layout.element, budget);
  }
  if (layout.kind !== 'struct' && layout.kind !== 'union') return;
  for (const { offsetBytes, bitfield, layout: member } of layout.members) {
    const endBits =
      offsetBytes * 8 + (bitfield === undefined ? member.sizeBytes * 8 : bitfield.bitOffset + bitfield.bitSize);
    if (endBits > layout.sizeBytes * 8) throw new Error('a member behind the end of its struct');
    walk(member, budget);
  }
}

function walkTypes(types: TypeTable): void {
  for (let id = 0; id <= types.count + 1; id++) {
    const layout = valueOrError(() => types.layout(id));
    if (layout !== undefined) walk(layout);
    valueOrError(() => types.nameOf(id));
  }
}

/** What is promised of every spec: types of maps and globals have layouts of the size said, programs have instructions. */
function walkSpec(spec: ObjectSpec): void {
  for (const { keyTypeId, keySizeBytes, valueTypeId, valueSizeBytes } of spec.maps) {
    if (keyTypeId !== undefined) expect(spec.types.layout(keyTypeId).sizeBytes).toBe(keySizeBytes);
    if (valueTypeId !== undefined) expect(spec.types.layout(valueTypeId).sizeBytes).toBe(valueSizeBytes);
  }
  for (const { typeId } of spec.globals) walk(spec.types.layout(typeId));
  for (const { insnCount } of spec.programs) expect(Number.isInteger(insnCount) && insnCount > 0).toBe(true);
  expect(spec.programs.length).toBeGreaterThan(0);
  walkTypes(spec.types);
}

function readAndUpgrade(bytes: Uint8Array): void {
  const spec = valueOrError(() => readObject(bytes));
  if (spec !== undefined) walkSpec(spec);
  const upgraded = valueOrError(() => upgradeLegacy(bytes));
  const again = upgraded === undefined ? undefined : valueOrError(() => readObject(upgraded));
  if (again !== undefined) walkSpec(again);
}

/** Numbers that break things: the edges of each width, and small ones, which are valid indexes. */
const telling = fc.oneof(
  fc.nat(64),
  fc.constantFrom(0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff),
  fc.nat(0xffff_ffff),
);
/** A place, in tenths of a millionth of the file; the ends, where headers are, more often. */
const place = fc.oneof(
  fc.nat(9_999_999),
  fc.nat(200_000),
  fc.nat(1_500_000).map((n) => 9_999_999 - n),
);
const mutation = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('byte'), place, value: fc.nat(255) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('word'), place, value: telling }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('copy'), place, value: fc.nat(9_999_999) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut'), place, value: fc.constant(0) }) },
);

function mutate(object: Uint8Array, mutations: readonly { kind: string; place: number; value: number }[]): Uint8Array {
  let bytes = object.slice();
  for (const { kind, place: where, value } of mutations) {
    const at = Math.floor((where / 10_000_000) * bytes.length);
    const view = new DataView(bytes.buffer, 0, bytes.length);
    const word = at - (at % 4);
    if (kind === 'byte' && at < bytes.length) bytes[at] = value;
    else if (kind === 'word' && word + 4 <= bytes.length) view.setUint32(word, value, true);
    else if (kind === 'copy')
      bytes.copyWithin(
        word,
        Math.floor((value / 10_000_000) * bytes.length),
        Math.floor((value / 10_000_000) * bytes.length) + 64,
      );
    else if (kind === 'cut') bytes = bytes.slice(0, at);
  }
  return bytes;
}

describe('any bytes', () => {
  test('are a value or an ObjectError', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 512 }), readAndUpgrade), { numRuns: 1000 });
  });

  test('behind an ELF header are too', () => {
    const header = minimalElf().slice(0, 64);
    const bytes = fc.uint8Array({ maxLength: 1024 }).map((rest) => Uint8Array.from([...header, ...rest]));
    fc.assert(fc.property(bytes, readAndUpgrade), { numRuns: 1000 });
  });

  test('behind a BTF header are types or an ObjectError', () => {
    const blob = fc
      .tuple(fc.uint8Array({ maxLength: 512 }), fc.uint8Array({ maxLength: 64 }))
      .map(([types, strings]) => {
        const whole = makeBtf([]).slice(0, 24);
        const view = new DataView(whole.buffer);
        for (const [i, value] of [0, types.length, types.length, strings.length + 2].entries())
          view.setUint32(8 + i * 4, value, true);
        return Uint8Array.from([...whole, ...types, 0, ...strings, 0]);
      });
    const read = (bytes: Uint8Array) => {
      const table = valueOrError(() => readBtf(bytes));
      if (table !== undefined) walkTypes(table);
    };
    fc.assert(fc.property(blob, read), { numRuns: 2000 });
  });

  test('types that refer to each other at random', () => {
    const id = fc.nat(12);
    const type = fc.oneof<fc.Arbitrary<TypeParts>[]>(
      fc.constant(int('int', 4)),
      fc.record({ kind: fc.constantFrom(2, 8, 9, 10, 11, 12, 18), sizeOrType: id }),
      fc.tuple(id, telling).map(([element, count]) => array(element, count)),
      fc
        .tuple(
          fc.constantFrom(4, 5),
          telling,
          fc.array(fc.tuple(fc.constant('m'), id, telling), { maxLength: 4 }),
          fc.boolean(),
        )
        .map(([kind, size, members, flag]) => ({ ...struct('s', size, members, flag), kind })),
      id.map((of) => variable('v', of)),
      fc.tuple(id, telling).map(([of, size]) => datasec('.bss', [[of, 0, size]])),
    );
    const read = (types: TypeParts[]) => walkTypes(readBtf(makeBtf(types)));
    fc.assert(fc.property(fc.array(type, { minLength: 1, maxLength: 12 }), read), { numRuns: 2000 });
  });
});

test('real objects with any bytes changed are a value or an ObjectError', () => {
  const seen = { read: 0, refused: 0 };
  const mutated = fc.tuple(fc.constantFrom(...objects), fc.array(mutation, { minLength: 1, maxLength: 8 }));
  const property = fc.property(mutated, ([object, mutations]) => {
    const bytes = mutate(object, mutations);
    if (valueOrError(() => readObject(bytes)) === undefined) seen.refused += 1;
    else seen.read += 1;
    readAndUpgrade(bytes);
  });
  fc.assert(property, { numRuns: 2500 });
  // Neither side of the reader is passed by.
  expect(seen.read).toBeGreaterThan(250);
  expect(seen.refused).toBeGreaterThan(250);
}, 60_000);

describe('large and hostile, within a time that only a scan in a scan would exceed', () => {
  const timely = <T>(call: () => T): T => {
    const start = performance.now();
    const result = call();
    expect(performance.now() - start).toBeLessThan(5000);
    return result;
  };
  const large = 1_000_000;

  test('a name of megabytes', () => {
    const elf = minimalElf({ symbols: [{ name: 'x'.repeat(15 * large), section: 'socket' }] });
    expect(timely(() => objectErrorOf(() => readObject(elf)))).toMatchObject({ code: 'TooLarge' });
  });

  test('names that are read from every place of a table', () => {
    const run = Uint8Array.from({ length: maxNameBytes + 1 }, (_, i) => (i === maxNameBytes ? 0 : 120));
    const table = Uint8Array.from({ length: 200 * run.length }, (_, i) => run[i % run.length] ?? 0);
    const names = new StringTable(new Region(table, '.strtab'));
    const readAll = () => {
      for (let offset = 0; offset < table.length; offset++) names.at(offset);
    };
    expect(timely(() => objectErrorOf(readAll))).toMatchObject({
      code: 'TooLarge',
      facts: { limit: maxDecodedNameBytes },
    });
  });

  test('a million types, each inside the one before', () => {
    const chain = new DataView(new ArrayBuffer(24 + large * 12 + 1));
    for (const [i, value] of [0x0001_eb9f, 24, 0, large * 12, large * 12, 1].entries())
      chain.setUint32(i * 4, value, true);
    for (let i = 0; i < large; i++) {
      chain.setUint32(24 + i * 12 + 4, 10 << 24, true);
      chain.setUint32(24 + i * 12 + 8, i, true);
    }
    const table: Btf = timely(() => readBtf(new Uint8Array(chain.buffer)));
    expect(table.count).toBe(large);
    expect(timely(() => objectErrorOf(() => table.layout(large)))).toMatchObject({ code: 'TooLarge' });
    expect(timely(() => objectErrorOf(() => table.nameOf(large)))).toMatchObject({ code: 'TooLarge' });
  });

  test('many data sections of one name', () => {
    const types = [int('int', 4), ...Array.from({ length: 20_000 }, () => datasec('.bss', []))];
    const elf = minimalElf({
      sections: [
        { name: '.bss', type: 8, size: 4 },
        { name: '.BTF', data: makeBtf(types) },
      ],
    });
    expect(timely(() => objectErrorOf(() => readObject(elf)))).toMatchObject({
      code: 'BadBTF',
      message: 'read object: section .bss: is described twice',
    });
  });

  test('enumerators by the hundred thousand', () => {
    const enumerators = 60_000;
    const count = Math.floor(maxDecodedMembers / enumerators);
    const types = Array.from({ length: count + 1 }, (_, k): TypeParts => {
      const data = Array.from({ length: enumerators }, (_, i) => [0, i + k * enumerators]).flat();
      return { kind: 6, name: 'e', sizeOrType: 4, count: enumerators, data };
    });
    const table = readBtf(makeBtf(types));
    for (let id = 1; id <= count; id++) timely(() => table.layout(id));
    expect(objectErrorOf(() => table.layout(count + 1))).toMatchObject({
      code: 'TooLarge',
      facts: { limit: maxDecodedMembers },
    });
  });

  test('a section that says it has 2^52 bytes is not made', () => {
    const elf = makeElf({
      sections: [
        { name: '.bss', type: 8, flags: 3, size: 2 ** 52 },
        { name: 'license', size: 2 ** 52 },
      ],
    });
    expect(timely(() => objectErrorOf(() => readObject(elf)))).toMatchObject({
      code: 'Truncated',
      facts: { section: 'license' },
    });
  });
});
