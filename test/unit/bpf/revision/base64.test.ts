import fc from 'fast-check';
import { decodeBase64 } from '../../../../bpf/revision/base64.ts';

describe('base64', () => {
  // RFC 4648 section 10, and layouts that tools and YAML produce.
  test.each([
    ['', ''],
    ['Zg==', 'f'],
    ['Zm8=', 'fo'],
    ['Zm9v', 'foo'],
    ['Zm9vYg==', 'foob'],
    ['Zm9vYmE=', 'fooba'],
    ['Zm9vYmFy', 'foobar'],
    ['Zm9v\nYmFy\n', 'foobar'],
    ['  Zm9v\r\n\tYmE=\r\n', 'fooba'],
    ['Zg=\n=', 'f'],
  ])('%j is %j', (text, expected) => {
    expect(Buffer.from(decodeBase64(text) as Uint8Array).toString()).toBe(expected);
  });

  test.each([
    ['Zm9*', 3, 'character "*"'],
    ['\n-Zm9v', 1, 'character "-"'], // the URL alphabet is another
    ['Zm9vé', 4, 'character "é"'],
    ['\u0100m9v', 0, 'character "Ā"'],
    ['Zg==Zg==', 4, 'more text after the padding'],
    ['Z', 1, 'the text ends within a group of four'],
    ['Zg', 2, 'the text ends within a group of four'],
    ['Zg=', 3, 'the text ends within a group of four'],
    ['Zg===', 5, 'the text ends within a group of four'],
    ['Zm9v=', 5, 'the text ends within a group of four'],
    ['====', 4, 'the text ends within a group of four'],
  ])('%j is wrong at %i: %s', (text, offset, problem) => {
    expect(decodeBase64(text)).toEqual({ offset, problem });
  });

  test('gives back every byte string that Node encodes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(decodeBase64(Buffer.from(bytes).toString('base64'))).toEqual(bytes);
      }),
    );
  });
});
