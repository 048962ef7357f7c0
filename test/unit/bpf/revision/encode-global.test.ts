import fc from 'fast-check';
import type { Layout } from '../../../../bpf/object/spec.ts';
import { encodeGlobal, typeName } from '../../../../bpf/revision/encode-global.ts';

const int = (sizeBytes: number, signed = false): Layout => ({ kind: 'int', sizeBytes, signed, encoding: 'int' });
const bool: Layout = { kind: 'int', sizeBytes: 1, signed: false, encoding: 'bool' };
const char: Layout = { kind: 'int', sizeBytes: 1, signed: true, encoding: 'char' };
const array = (element: Layout, count: number): Layout => ({
  ...{ kind: 'array', element, count },
  sizeBytes: element.sizeBytes * count,
});
const mode: Layout = {
  ...{ kind: 'enum', sizeBytes: 4, signed: false },
  enumerators: new Map([
    [0n, 'OFF'],
    [7n, 'PER_CPU'],
  ]),
};
const level: Layout = { kind: 'enum', sizeBytes: 4, signed: true, enumerators: new Map([[-1n, 'LOWEST']]) };

/** The bytes in hex, or what is wrong. */
const outcome = (layout: Layout, value: unknown) => {
  const encoded = encodeGlobal(layout, value);
  return encoded.ok ? Buffer.from(encoded.bytes).toString('hex') : encoded.problem;
};

describe('integers, on both sides of their ranges', () => {
  const widths = [1, 2, 4, 8, 16].flatMap((sizeBytes) => [true, false].map((signed) => ({ sizeBytes, signed })));

  test.each(widths)('$sizeBytes bytes, signed $signed', ({ sizeBytes, signed }) => {
    const layout = int(sizeBytes, signed);
    const bits = sizeBytes * 8;
    const [min, max] = signed
      ? [-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n]
      : [0n, 2n ** BigInt(bits) - 1n];
    const range = `not an integer of ${min} to ${max} (${signed ? 's' : 'u'}${bits})`;
    const inHex = (value: bigint) =>
      Buffer.from(
        BigInt.asUintN(bits, value)
          .toString(16)
          .padStart(sizeBytes * 2, '0'),
        'hex',
      )
        .reverse()
        .toString('hex');

    for (const value of [min, max]) expect(outcome(layout, String(value))).toBe(inHex(value));
    for (const value of [min - 1n, max + 1n]) expect(outcome(layout, String(value))).toBe(`is "${value}", ${range}`);
    fc.assert(
      fc.property(fc.bigInt({ min: 4n * min - 4n, max: 4n * max + 4n }), (value) => {
        const fits = value >= min && value <= max;
        const texts =
          value < 0n ? [`${value}`, `-0x${(-value).toString(16)}`] : [`${value}`, `0x${value.toString(16)}`];
        const number = Number(value);
        const ways: unknown[] = Number.isSafeInteger(number) ? [...texts, number] : texts;
        for (const way of ways) {
          expect(outcome(layout, way)).toBe(fits ? inHex(value) : `is ${JSON.stringify(way)}, ${range}`);
        }
      }),
    );
  });

  test.each([1.5, 2 ** 53, Number.NaN, '', ' 1', '1.0', '1e3', '0x', '0xg', '+1', '--1', true, null, [1], { a: 1 }])(
    '%p is no integer',
    (value) => {
      expect(outcome(int(8), value)).toMatch(/^is .*, not an integer of 0 to 18446744073709551615 \(u64\)$/);
    },
  );
});

test.each<[string, Layout, unknown, string]>([
  ['true', bool, true, '01'],
  ['false', bool, false, '00'],
  ['1 for a bool', bool, 1, 'is 1, not true or false (bool)'],
  ['text for a bool', bool, 'true', 'is "true", not true or false (bool)'],
  ['an enumerator', mode, 'PER_CPU', '07000000'],
  ['an enumerator, by number', mode, 7, '07000000'],
  ['a number that has no name', mode, 8, '08000000'],
  ['a negative enumerator', level, 'LOWEST', 'ffffffff'],
  ['no enumerator', mode, 'ON', 'is "ON", not one of OFF, PER_CPU, nor an integer of -2147483648 to 4294967295 (enum)'],
  [
    'too large for an enum',
    level,
    2 ** 31,
    'is 2147483648, not one of LOWEST, nor an integer of -2147483648 to 2147483647 (enum)',
  ],
  ['a char', char, -128, '80'],
  ['a letter for a char', char, 'a', 'is "a", not an integer of -128 to 127 (char)'],
  ['text', array(char, 4), 'abc', '61626300'],
  ['no text', array(char, 4), '', '00000000'],
  ['text without room for its NUL', array(char, 4), 'abcd', 'is "abcd", 4 bytes, not text of 0 to 3 bytes (char[4])'],
  ['text, counted in bytes', array(char, 4), 'éé', 'is "éé", 4 bytes, not text of 0 to 3 bytes (char[4])'],
  ['text with a NUL', array(char, 4), 'a\0b', 'is "a\\u0000b", which has a NUL in it (char[4])'],
  ['characters by number', array(char, 4), [97, 98, 99, 100], '61626364'],
  ['text for bytes that are no char', array(int(1), 4), 'abc', 'is "abc", not a list of at most 4 (u8[4])'],
  ['a list', array(int(2), 2), [80, '443'], '5000bb01'],
  ['a shorter list', array(int(2), 2), [80], '50000000'],
  ['a longer list', array(int(2), 2), [1, 2, 3], 'is a list of 3, not of at most 2 (u16[2])'],
  ['no list', array(int(2), 2), 80, 'is 80, not a list of at most 2 (u16[2])'],
  ['a number for text', array(char, 4), 80, 'is 80, not a list of at most 4 or text of 0 to 3 bytes (char[4])'],
  ['an element that does not fit', array(int(1), 3), [1, 256], '[1] is 256, not an integer of 0 to 255 (u8)'],
  ['lists in a list', array(array(int(1), 2), 2), [[1], [2, 3]], '01000203'],
  [
    'an element deep inside',
    array(array(int(1), 2), 2),
    [[1], [2, -3]],
    '[1][1] is -3, not an integer of 0 to 255 (u8)',
  ],
  ['text in a list', array(array(char, 3), 2), ['ab', 'c'], '616200630000'],
])('%s', (_what, layout, value, expected) => {
  expect(outcome(layout, value)).toBe(expected);
});

test.each<Layout>([
  { kind: 'struct', sizeBytes: 4, name: 's', members: [] },
  { kind: 'union', sizeBytes: 4, name: 's', members: [] },
  { kind: 'float', sizeBytes: 8 },
  { kind: 'pointer', sizeBytes: 8 },
  { kind: 'opaque', sizeBytes: 0 },
])('a $kind cannot be set', (layout) => {
  expect(outcome(layout, 1)).toContain(`is a ${layout.kind}, which cannot be set`);
});

test.each<[Layout, string]>([
  [array(array(int(1), 4), 2), 'u8[2][4]'],
  [array(bool, 3), 'bool[3]'],
  [mode, 'enum'],
])('%j is called %s', (layout, name) => {
  expect(typeName(layout)).toBe(name);
});

test('a value of any kind and depth is bytes or a problem, and the bytes are those of the type', () => {
  const layouts = fc.letrec<{ layout: Layout }>((tie) => ({
    layout: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(int(1), int(4, true), int(8), bool, char, mode, level),
      fc.tuple(tie('layout'), fc.nat(4)).map(([element, count]) => array(element, count)),
    ),
  })).layout;
  fc.assert(
    fc.property(layouts, fc.jsonValue(), (layout, value) => {
      const encoded = encodeGlobal(layout, value);
      if (encoded.ok) expect(encoded.bytes).toHaveLength(layout.sizeBytes);
      else expect(encoded.problem).toMatch(/is .*\(.+\)$/s);
    }),
  );
});
