import { bytes, decoderOf, shownBy } from './decoding.ts';

test.each([
  ['', ''],
  ['curl', 'curl'],
  ['curl\0\0\0', 'curl'],
  ['curl\0junk', 'curl'],
  ['\0curl', ''],
])('%j is %j', (input, shown) => {
  expect(shownBy(decoderOf({ name: 'string' }), input)).toBe(shown);
});

test('bytes that are no UTF-8 go through as they are: whoever writes the label mends them', () => {
  expect(decoderOf({ name: 'string' }).decode(bytes(0x61, 0xff, 0, 0x62))).toEqual(bytes(0x61, 0xff));
});

test('keeps nothing of its input', () => {
  const input = Buffer.from('abc');
  const output = decoderOf({ name: 'string' }).decode(input);
  input.fill(0x7a);
  expect(Buffer.from(output ?? []).toString()).toBe('abc');
});
