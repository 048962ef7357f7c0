import { bytes, decoderOf, shownBy, u64 } from './decoding.ts';

test.each([
  [bytes(0x7f), '127'],
  [bytes(0x80), '-128'],
  [bytes(0xff, 0x7f), '32767'],
  [bytes(0x00, 0x80), '-32768'],
  [bytes(0xfe, 0xff, 0xff, 0xff), '-2'],
  [u64(2n ** 63n - 1n), '9223372036854775807'],
  [u64(2n ** 63n), '-9223372036854775808'],
  [bytes(1, 2, 3), '?010203'],
])('%j is %s', (input, shown) => {
  expect(shownBy(decoderOf({ name: 'int' }), input)).toBe(shown);
});
