import { columnOf, firstCpuColumn } from '../../../../agent/metrics/columns.ts';
import { Digits } from '../../../../agent/metrics/digits.ts';
import { LabelBlock } from '../../../../agent/metrics/label-block.ts';
import type { NumberReading, Reading } from '../../../../bpf/metrics/plan.ts';

const digits = new Digits();

function shown(reading: Reading, bytes: readonly number[]): string {
  const source = Uint8Array.from(bytes);
  const out = Buffer.alloc(1024, '#');
  const column = columnOf(reading, digits);
  const end = column.write(new DataView(source.buffer), 0, new DataView(out.buffer, out.byteOffset, out.length), 3);
  expect(end - 3).toBeLessThanOrEqual(column.maxBytes);
  return out.toString('utf8', 3, end);
}

const ff = (count: number): number[] => new Array<number>(count).fill(0xff);
const int = (sizeBytes: 1 | 2 | 4 | 8, signed: boolean, offsetBytes = 0): NumberReading => ({
  kind: 'int',
  offsetBytes,
  sizeBytes,
  signed,
});
const bits = (shift: number, bitSize: number, signed = false): NumberReading => ({
  kind: 'bits',
  offsetBytes: 0,
  shift,
  bitSize,
  signed,
});

test.each<[string, Reading, number[], string]>([
  ['u8', int(1, false), [0xff], '255'],
  ['s8', int(1, true), [0x80], '-128'],
  ['u16', int(2, false), [0x01, 0xff], '65281'],
  ['s16', int(2, true), [0x00, 0x80], '-32768'],
  ['u32', int(4, false), ff(4), '4294967295'],
  ['s32', int(4, true), [0, 0, 0, 0x80], '-2147483648'],
  ['s32 above zero', int(4, true), [0xff, 0xff, 0xff, 0x7f], '2147483647'],
  ['u64', int(8, false), ff(8), '18446744073709551615'],
  ['s64', int(8, true), [0, 0, 0, 0, 0, 0, 0, 0x80], '-9223372036854775808'],
  ['where it lies', int(2, false, 3), [9, 9, 9, 1, 0], '1'],
  ['one bit', bits(7, 1), [0x80], '1'],
  ['one signed bit', bits(7, 1, true), [0x80], '-1'],
  ['bits across bytes', bits(6, 4), [0b11_000000, 0b10], '11'],
  ['signed bits', bits(1, 3, true), [0b1000], '-4'],
  ['32 signed bits', bits(3, 32, true), ff(5), '-1'],
  ['33 bits', bits(7, 33), ff(5), '8589934591'],
  ['33 signed bits', bits(7, 33, true), ff(5), '-1'],
  ['64 bits over nine bytes', bits(7, 64), [0x80, 0, 0, 0, 0, 0, 0, 0, 0x7f], '18302628885633695745'],
  ['hex', { kind: 'hex', offsetBytes: 1, sizeBytes: 3 }, [1, 0x00, 0xaf, 0x09], '00af09'],
  ['hex that is too long', { kind: 'hex', offsetBytes: 0, sizeBytes: 129 }, ff(129), 'f'.repeat(256)],
])('%s', (_, reading, bytes, text) => {
  expect(shown(reading, bytes)).toBe(text);
});

describe('an enum', () => {
  const names = new Map([
    [-1n, 'MINUS'],
    [1n, 'ONE'],
    [9n, 'NINE'],
    [2n ** 32n + 1n, 'FAR'],
    [2n, '"two"'],
  ]);
  test.each<[string, NumberReading, number[], string]>([
    ['a name', int(4, false), [1, 0, 0, 0], 'ONE'],
    ['a name that must be escaped', int(1, false), [2], '\\"two\\"'],
    ['a value without a name', int(4, false), [3, 0, 0, 0], '3'],
    ['a negative one', int(4, true), ff(4), 'MINUS'],
    ['which is another where there is no sign', int(4, false), ff(4), '4294967295'],
    ['a wide one', int(8, false), [1, 0, 0, 0, 1, 0, 0, 0], 'FAR'],
    ['not the one with the same lower half', int(8, false), [1, 0, 0, 0, 2, 0, 0, 0], '8589934593'],
    ['in a bitfield', bits(4, 4), [0x90], 'NINE'],
    ['not one that the bitfield cannot hold', bits(0, 3), [1], 'ONE'],
    ['and nine is not one', bits(0, 4), [9], 'NINE'],
  ])('%s', (_, number, bytes, text) => {
    expect(shown({ kind: 'enum', number, names }, bytes)).toBe(text);
  });

  test('a value that no bitfield holds is not found by its lower bits', () => {
    expect(shown({ kind: 'enum', number: bits(0, 3), names: new Map([[9n, 'NINE']]) }, [1])).toBe('1');
  });
});

describe('a label from a per-CPU value', () => {
  /** Of three CPUs, eight bytes each. */
  function shownOf(reading: Reading, values: readonly (readonly number[])[]): string {
    const source = new Uint8Array(24);
    for (const [cpu, bytes] of values.entries()) source.set(bytes, cpu * 8);
    const column = firstCpuColumn(columnOf(reading, digits), reading, 3, 8);
    const block = new LabelBlock([{ name: 'l', from: 'value', column }], digits);
    const out = Buffer.alloc(600);
    const view = new DataView(out.buffer, out.byteOffset, out.length);
    const end = block.writeRest(new DataView(new ArrayBuffer(0)), 0, new DataView(source.buffer), 0, view, 0);
    return out.toString('utf8', 0, end - '"} '.length);
  }

  test.each([
    ['the first CPU has it', ['a', 'b', ''], 'a'],
    ['a later one has', ['', 'b', 'c'], 'b'],
    ['what is behind NUL is none', ['\0b', 'c', ''], 'c'],
    ['the last one has', ['', '', 'c'], 'c'],
    ['none has', ['', '', ''], ''],
  ])('text: %s', (_, texts, shownText) => {
    const values = texts.map((text) => [9, 9, 9, 9, ...Buffer.from(text)]);
    expect(shownOf({ kind: 'text', offsetBytes: 4, sizeBytes: 4 }, values)).toBe(shownText);
  });

  const names = new Map([[256n, 'BIG']]);
  test.each<[string, Reading, number[][], string]>([
    ['a number, of whoever has one', int(4, false, 4), [[9], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 7]], '256'],
    [
      'a number, the first',
      int(4, true, 4),
      [
        [0, 0, 0, 0, ...ff(4)],
        [0, 0, 0, 0, 1],
      ],
      '-1',
    ],
    ['a number that is zero everywhere', int(4, false, 4), [ff(4), [], ff(4)], '0'],
    ['bits', { ...bits(3, 7), offsetBytes: 1 }, [ff(1), [0, 0xf8, 1], ff(1)], '63'],
    [
      'an enum',
      { kind: 'enum', number: int(2, false, 2), names },
      [
        [9, 9],
        [0, 0, 0, 1],
      ],
      'BIG',
    ],
    ['bytes', { kind: 'hex', offsetBytes: 4, sizeBytes: 2 }, [ff(4), [0, 0, 0, 0, 0, 0xab]], '00ab'],
  ])('%s', (_, reading, values, shownText) => {
    expect(shownOf(reading, values)).toBe(shownText);
  });
});
