import fc from 'fast-check';
import { Digits, maxNumberBytes } from '../../../../agent/metrics/digits.ts';

const digits = new Digits();
const bytes = Buffer.alloc(64);
const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

const low = (n: bigint): number => Number(BigInt.asUintN(32, n));
const high = (n: bigint): number => Number(BigInt.asUintN(32, n >> 32n));

function written(write: (at: number) => number): string {
  const at = 3;
  bytes.fill('#');
  const end = write(at);
  expect(bytes.toString('latin1', 0, at)).toBe('###');
  return bytes.toString('latin1', at, end);
}

const unsigned = (n: bigint): string => written((at) => digits.u64(view, at, low(n), high(n)));
const signed = (n: bigint): string => written((at) => digits.s64(view, at, low(n), high(n)));

/** Every power of ten and of two, and the numbers beside them. */
const edges: readonly bigint[] = [
  ...Array.from({ length: 20 }, (_, i) => 10n ** BigInt(i)),
  ...Array.from({ length: 65 }, (_, i) => 2n ** BigInt(i)),
].flatMap((n) => [n - 1n, n, n + 1n]);

test('u64 at every edge', () => {
  const numbers = edges.filter((n) => n >= 0n && n < 2n ** 64n);
  expect(numbers.map(unsigned)).toEqual(numbers.map(String));
});

test('s64 at every edge', () => {
  const numbers = edges.flatMap((n) => [n, -n]).filter((n) => n >= -(2n ** 63n) && n < 2n ** 63n);
  expect(numbers.map(signed)).toEqual(numbers.map(String));
});

test('the longest numbers fit', () => {
  expect(unsigned(2n ** 64n - 1n)).toBe('18446744073709551615');
  expect(signed(-(2n ** 63n))).toBe('-9223372036854775808');
  expect('-9223372036854775808').toHaveLength(maxNumberBytes);
});

test('any u64 and s64', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (n) => {
      expect(unsigned(n)).toBe(String(n));
      expect(signed(n)).toBe(String(BigInt.asIntN(64, n)));
    }),
    { numRuns: 1000 },
  );
});

test('any u32', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 32 - 1 }), (n) => {
      expect(written((at) => digits.u32(view, at, n))).toBe(String(n));
    }),
    { numRuns: 1000 },
  );
});
