import { bytes, decoderOf, shownBy } from './decoding.ts';

test.each([
  [bytes(0), 'false'],
  [bytes(1), 'true'],
  [bytes(0, 0, 0, 0), 'false'],
  [bytes(0, 0, 0, 0x80), 'true'],
])('%j is %s', (input, shown) => {
  expect(shownBy(decoderOf({ name: 'bool' }), input)).toBe(shown);
});
