import fc from 'fast-check';
import { CleanKeys } from '../../../../agent/metrics/clean-keys.ts';
import { type LabelPlan, maxLabelValueBytes, type Reading } from '../../../../bpf/metrics/plan.ts';
import { type Entry, MemoryMap } from '../../../fakes/memory-map.ts';
import { array, char, member, objectOf, struct, u16, u32, u64 } from '../../../fixtures/layouts.ts';
import { bpfOf, newExporter, textOf } from './exporting.ts';
import { parseExposition } from './parse.ts';

const label = (reading: Reading, from: 'key' | 'value' = 'key'): LabelPlan => ({ name: 'l', from, reading });
const text = (offsetBytes: number, sizeBytes: number): LabelPlan => label({ kind: 'text', offsetBytes, sizeBytes });
const port = label({ kind: 'int', offsetBytes: 0, sizeBytes: 2, signed: false });
const flag = label({ kind: 'bits', offsetBytes: 0, shift: 2, bitSize: 3, signed: false });

function isClean(labels: readonly LabelPlan[], key: Uint8Array): boolean {
  // Among clean ones, and not at the start of its buffer.
  const zeros = new Uint8Array(key.length);
  const keys = Buffer.concat([zeros, zeros, key, zeros]);
  return new CleanKeys(labels, key.length).areClean(new DataView(keys.buffer, keys.byteOffset, keys.length), 1, 4);
}

test.each<[string, LabelPlan[], string, boolean]>([
  ['nothing', [text(0, 8)], '\0\0\0\0\0\0\0\0', true],
  ['one letter', [text(0, 8)], 'a\0\0\0\0\0\0\0', true],
  ['two', [text(0, 8)], 'ab\0\0\0\0\0\0', true],
  ['three', [text(0, 8)], 'abc\0\0\0\0\0', true],
  ['four', [text(0, 8)], 'abcd\0\0\0\0', true],
  ['five', [text(0, 8)], 'abcde\0\0\0', true],
  ['all', [text(0, 8)], 'abcdefgh', true],
  ['all of an odd size', [text(0, 7)], 'abcdefg', true],
  ['the lowest and the highest of ASCII', [text(0, 4)], '\x01\x7f\x01\x7f', true],
  ['letters behind NUL in one word', [text(0, 8)], 'a\0b\0\0\0\0\0', false],
  ['at its end', [text(0, 8)], 'ab\0c\0\0\0\0', false],
  ['NUL first', [text(0, 8)], '\0a\0\0\0\0\0\0', false],
  ['letters in a later word', [text(0, 8)], 'ab\0\0\0\0\0c', false],
  ['behind a word of zeros', [text(0, 12)], 'abcd\0\0\0\0d\0\0\0', false],
  ['behind NUL at an odd end', [text(0, 7)], 'abcde\0f', false],
  ['not ASCII', [text(0, 8)], 'ab\xc3\xbc\0\0\0\0', false],
  ['not ASCII at an odd end', [text(0, 7)], 'abcdef\x80', false],
  ['padding of zeros', [port], 'ab\0\0', true],
  ['padding of something else', [port], 'ab\0\x01', false],
  ['bits that a bitfield shows', [flag], '\x1c', true],
  ['bits beside it', [flag], '\x20', false],
  ['bits before it', [flag], '\x02', false],
  ['text and padding', [port, text(4, 4)], 'ab\0\0cd\0\0', true],
  [
    'text of the value shows nothing of the key',
    [label({ kind: 'text', offsetBytes: 0, sizeBytes: 4 }, 'value')],
    'a\0\0\0',
    false,
  ],
  ['text that may be cut', [text(0, maxLabelValueBytes + 1)], 'a'.repeat(maxLabelValueBytes + 1), false],
  ['the longest that is not', [text(0, maxLabelValueBytes)], 'a'.repeat(maxLabelValueBytes), true],
])('%s', (_, labels, key, expected) => {
  expect(isClean(labels, Buffer.from(key, 'latin1'))).toBe(expected);
});

test('two clean keys never show the same text', () => {
  const bytes = fc
    .array(fc.constantFrom(0, 0, 0x41, 0x7f, 0x80, 0xff), { minLength: 6, maxLength: 6 })
    .map((list) => Uint8Array.from(list));
  const shown = (key: Uint8Array): string => {
    const nul = key.indexOf(0);
    return new TextDecoder().decode(nul < 0 ? key : key.subarray(0, nul));
  };
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      if (Buffer.compare(a, b) === 0 || shown(a) !== shown(b)) return;
      expect(isClean([text(0, 6)], a) && isClean([text(0, 6)], b)).toBe(false);
    }),
    { numRuns: 2000 },
  );
});

test('a key that is not clean: the table is read again and merged, and streamed again once all are clean', async () => {
  const key = struct([member('port', 0, u16), member('id', 4, u32), member('comm', 8, array(char, 8))], 16);
  const map = new MemoryMap({ name: 'm', keySizeBytes: 16, valueSizeBytes: 8, maxEntries: 5000 }, []);
  const entry = (id: number, padding: number): Entry => {
    const bytes = [Buffer.alloc(16), Buffer.alloc(8)] as const;
    bytes[0].writeUInt16LE(padding, 2);
    bytes[0].writeUInt32LE(id, 4);
    bytes[0].write('sshd', 8);
    bytes[1].writeUInt32LE(1);
    return bytes;
  };
  // Reads that take no time are all of one size.
  const { exporter, notebook } = newExporter({ now: () => 0 });
  exporter.add(bpfOf('ns/b', objectOf({ m: { key, value: u64 } }), { m: map }));
  const scrape = async (entries: readonly Entry[]): Promise<[lines: number, sum: number, reads: number]> => {
    map.entries = entries;
    const before = map.reads;
    const { samples } = parseExposition(await textOf(exporter));
    return [samples.length, samples.reduce((sum, { value }) => sum + Number(value), 0), map.reads - before];
  };
  const clean = Array.from({ length: 3000 }, (_, i) => entry(i, 0));
  const unclean = [...clean, entry(0, 1), entry(0, 2)];
  const [, , reads] = await scrape(clean);
  expect(await scrape(clean)).toEqual([3000, 3000, reads]);
  expect(await scrape(unclean)).toEqual([3000, 3002, 2 * reads]);
  expect(notebook.lines.at(-2)).toBe('written b: 3000, 2 merged');
  expect(await scrape(unclean)).toEqual([3000, 3002, reads]);
  expect(await scrape(clean)).toEqual([3000, 3000, reads]);
  expect(await scrape(clean)).toEqual([3000, 3000, reads]);
  expect(await scrape(unclean)).toEqual([3000, 3002, 2 * reads]);
});
