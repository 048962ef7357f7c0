import { bytes, decoderOf, shownBy } from './decoding.ts';

test.each([
  [bytes(), ''],
  [bytes(0), '00'],
  [bytes(0xde, 0xad, 0x0f), 'dead0f'],
])('%j is %s', (input, shown) => {
  expect(shownBy(decoderOf({ name: 'hex' }), input)).toBe(shown);
});
