import { bytes, decoderOf, shownBy } from './decoding.ts';

const loopback6 = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

test.each([
  [bytes(192, 0, 2, 1, 0x01, 0xbb), '192.0.2.1:443'],
  [bytes(192, 0, 2, 1, 0xff, 0xff, 9, 9), '192.0.2.1:65535'],
  [bytes(...loopback6, 0, 80), '[::1]:80'],
  [bytes(...loopback6, 0, 80, 0, 0), '[::1]:80'],
  [bytes(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1, 0, 53), '192.0.2.1:53'],
  [bytes(192, 0, 2, 1), '?c0000201'],
  [bytes(192, 0, 2, 1, 0, 80, 0), '?c0000201005000'],
])('%j is %s', (input, shown) => {
  expect(shownBy(decoderOf({ name: 'ipport' }), input)).toBe(shown);
});
