import { decoderOf, shownBy } from './decoding.ts';

const through = (regexps: string[], input: string): string | undefined =>
  shownBy(decoderOf({ name: 'regexp', regexps }), input);

test.each([
  // Anywhere in the text; the whole match.
  [['b+'], 'abbbc', 'bbb'],
  [['^kube-'], 'kube-proxy', 'kube-'],
  [['^kube-.*$'], 'kube-proxy', 'kube-proxy'],
  [['^kube-.*$'], 'a kube-proxy', undefined],
  // One group: its text, which may be empty or absent.
  [['pod([0-9a-f-]+)'], '/kubepods/pod12-ab/x', '12-ab'],
  [['a(b*)c'], 'ac', ''],
  [['a(b)?c'], 'ac', ''],
  [['a(?:b)c'], 'abc', 'abc'],
  // More: the whole match.
  [['(a)(b)'], 'xabx', 'ab'],
  // The first pattern that matches.
  [['x', 'b(.)', 'a'], 'abc', 'c'],
  [['x', 'y'], 'abc', undefined],
])('%j of %j is %j', (regexps, input, shown) => {
  expect(through(regexps, input)).toBe(shown);
});

test('looks at the first 256 bytes', () => {
  expect(through(['x$'], `${'a'.repeat(255)}x`)).toBe('x');
  expect(through(['x'], `${'a'.repeat(256)}x`)).toBeUndefined();
});

test('bytes that are no UTF-8 are U+FFFD to it', () => {
  expect(shownBy(decoderOf({ name: 'regexp', regexps: ['a(.)b'] }), Uint8Array.of(0x61, 0xff, 0x62))).toBe('�');
});
