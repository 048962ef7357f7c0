import { bytes, decoderOf, shownBy, u64 } from './decoding.ts';

test.each([
  [bytes(0), '0'],
  [bytes(255), '255'],
  [bytes(0x34, 0x12), '4660'],
  [bytes(0xff, 0xff, 0xff, 0xff), '4294967295'],
  [u64(2n ** 53n + 1n), '9007199254740993'],
  [u64(2n ** 64n - 1n), '18446744073709551615'],
  // Of any other length: told apart, and no error.
  [bytes(), '?'],
  [bytes(1, 2, 0xab), '?0102ab'],
  [bytes(1, 2, 3, 4, 5), '?0102030405'],
])('%j is %s', (input, shown) => {
  expect(shownBy(decoderOf({ name: 'uint' }), input)).toBe(shown);
});
