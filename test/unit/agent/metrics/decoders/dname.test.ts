import { decoderOf, shownBy } from './decoding.ts';

const label = (length: number): string => String.fromCharCode(length) + 'a'.repeat(length);

test.each([
  ['\x03www\x07example\x03com', 'www.example.com'],
  ['\x03www\x07example\x03com\0', 'www.example.com'],
  // Padding of a key, with or without sense.
  ['\x02io\0\0\0\0', 'io'],
  ['\x02io\0\x05junk', 'io'],
  ['', '.'],
  ['\0', '.'],
  ['\x01a\x01b', 'a.b'],
  [label(63), 'a'.repeat(63)],
  // No names: a label too long, one cut off, a pointer.
  [label(64), label(64)],
  ['\x04www', '\x04www'],
  ['\x03www\x05abcd', '\x03www\x05abcd'],
])('%j is %j', (input, shown) => {
  expect(shownBy(decoderOf({ name: 'dname' }), input)).toBe(shown);
});

test('compression pointers stay as they are', () => {
  const input = Uint8Array.of(1, 0x61, 0xc0, 12);
  expect(decoderOf({ name: 'dname' }).decode(input)).toEqual(input);
});
