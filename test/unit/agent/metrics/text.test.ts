import fc from 'fast-check';
import {
  copyText,
  helpText,
  labelValue,
  maxEscapedBytes,
  pieceOf,
  sealText,
  writePiece,
  writeUntrusted,
} from '../../../../agent/metrics/text.ts';
import { referenceText } from './reference.ts';

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function untrusted(bytes: Uint8Array): string {
  const out = Buffer.alloc(maxEscapedBytes + 16, '#');
  const end = writeUntrusted(viewOf(bytes), 0, bytes.length, viewOf(out), 4);
  expect(out.toString('latin1', 0, 4)).toBe('####');
  return out.toString('utf8', 4, end);
}

test.each<[string, number[], string]>([
  ['nothing', [], ''],
  ['NUL first', [0, 0x41], ''],
  ['up to NUL', [0x41, 0, 0x42], 'A'],
  ['no NUL', [0x41, 0x42], 'AB'],
  ['a quote', [0x22], '\\"'],
  ['a backslash', [0x5c], '\\\\'],
  ['a line feed', [0x0a], '\\n'],
  ['other control characters', [0x0d, 0x09, 0x01, 0x7f], '\r\t\x01\x7f'],
  ['two bytes', [0xc3, 0xbc], 'ü'],
  ['three bytes', [0xe2, 0x82, 0xac], '€'],
  ['four bytes', [0xf0, 0x9f, 0x90, 0x9d], '🐝'],
  ['the last code point', [0xf4, 0x8f, 0xbf, 0xbf], '\u{10ffff}'],
  ['above the last code point', [0xf4, 0x90, 0x80, 0x80], '\ufffd\ufffd\ufffd\ufffd'],
  ['a continuation alone', [0x80, 0x41], '\ufffdA'],
  ['a lead without continuation', [0xc3, 0x41], '\ufffdA'],
  ['a lead before NUL', [0xc3, 0x00], '\ufffd'],
  ['a sequence cut by the end', [0xf0, 0x9f, 0x90], '\ufffd'],
  ['an overlong slash', [0xc0, 0xaf], '\ufffd\ufffd'],
  ['an overlong form of three bytes', [0xe0, 0x80, 0x80], '\ufffd\ufffd\ufffd'],
  ['a surrogate', [0xed, 0xa0, 0x80], '\ufffd\ufffd\ufffd'],
  ['the last before the surrogates', [0xed, 0x9f, 0xbf], '\ud7ff'],
  ['no lead at all', [0xff, 0xfe], '\ufffd\ufffd'],
  ['a mark of byte order is text', [0xef, 0xbb, 0xbf, 0x41], '\ufeffA'],
])('%s', (_, bytes, text) => {
  expect(untrusted(Uint8Array.from(bytes))).toBe(text);
});

test.each([
  ['256 bytes stay', 'a'.repeat(256), 'a'.repeat(256)],
  ['257 are cut', 'a'.repeat(257), 'a'.repeat(256)],
  ['a character that ends at 256 stays', `${'a'.repeat(254)}ü`, `${'a'.repeat(254)}ü`],
  ['a character that would end at 257 goes', `${'a'.repeat(255)}ü`, 'a'.repeat(255)],
  ['and takes what follows with it', `${'a'.repeat(253)}🐝b`, 'a'.repeat(253)],
  ['escapes do not count', '"'.repeat(256), '\\"'.repeat(256)],
])('%s', (_, text, shown) => {
  expect(untrusted(Buffer.from(text))).toBe(shown);
  expect(labelValue(text)).toBe(shown);
});

test('a broken byte counts as the three that stand for it', () => {
  expect(untrusted(new Uint8Array(300).fill(0xff))).toBe('\ufffd'.repeat(85));
});

test('any bytes read as the Encoding standard says', () => {
  const hostile = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc
      .array(fc.constantFrom(0x41, 0x22, 0x5c, 0x0a, 0x80, 0xbf, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0x9f, 0x90), {
        maxLength: 120,
      })
      .map((bytes) => Uint8Array.from(bytes)),
    fc.string({ unit: 'binary', maxLength: 120 }).map((text) => new Uint8Array(Buffer.from(text))),
  );
  fc.assert(
    fc.property(hostile, (bytes) => {
      expect(untrusted(bytes)).toBe(labelValue(referenceText(bytes)));
    }),
    { numRuns: 1000 },
  );
});

test('pieces and copies keep every byte of any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.nat({ max: 9 }), (text, offset) => {
      const bytes = Buffer.from(text);
      // What lies behind the text makes a NaN of the word that it ends in, unless it is sealed.
      const first = Buffer.alloc(200, 0xff);
      const end = writePiece(viewOf(first), offset, pieceOf(text));
      sealText(viewOf(first), end);
      const second = Buffer.alloc(200);
      const copied = copyText(viewOf(first), offset, end - offset, viewOf(second), 5);
      expect(first.subarray(offset, end).equals(bytes)).toBe(true);
      expect(second.subarray(5, copied).equals(bytes)).toBe(true);
    }),
  );
});

test('help escapes backslash and line feed, not quotes', () => {
  expect(helpText('a "b" \\ c\nd')).toBe('a "b" \\\\ c\\nd');
});
