import { keepMs, maxAnswers } from '../../../../agent/metrics/answers.ts';
import type { DecoderChain } from '../../../../agent/metrics/decoders/decoder.ts';
import type { LabelPlan, Reading, TablePlan } from '../../../../bpf/metrics/plan.ts';
import type { DecoderSpec } from '../../../../crds/decoder.ts';
import { type Entry, MemoryMap } from '../../../fakes/memory-map.ts';
import { newExporter, textOf } from './exporting.ts';
import { parseExposition } from './parse.ts';

const value = { kind: 'int', offsetBytes: 0, sizeBytes: 8, signed: false } as const;
const u32 = { kind: 'int', offsetBytes: 0, sizeBytes: 4, signed: false } as const;
const bytesFirst: DecoderSpec[] = [{ name: 'uint' }];
const textFirst: DecoderSpec[] = [{ name: 'static_map', map: {} }];

/** What the chain was asked, and a scrape of a map whose label `l` it makes. */
function decoded(
  reading: Reading,
  decode: (input: Buffer) => string | undefined,
  decoders = bytesFirst,
  more: Partial<TablePlan> = {},
) {
  let nowMs = 0;
  const asked: string[] = [];
  const chain: DecoderChain = {
    names: [],
    decode: (input) => {
      asked.push(Buffer.from(input).toString('latin1'));
      const text = decode(Buffer.from(input));
      return text === undefined ? undefined : Buffer.from(text, 'latin1');
    },
  };
  const { exporter, notebook } = newExporter({ now: () => nowMs, decoders: () => chain });
  const label: LabelPlan = { name: 'l', from: 'key', reading, decoders };
  const table: TablePlan = {
    ...{ map: 'm', keySizeBytes: 8, valueSizeBytes: 8, labels: [label], distinct: true },
    metrics: [{ family: 'bpf_m', type: 'untyped', help: 'M.', value, elements: undefined }],
    ...more,
  };
  const map = new MemoryMap({ name: 'm', keySizeBytes: 8, valueSizeBytes: 8, maxEntries: 100_000 }, []);
  const plan = { tables: [table], notes: [] };
  exporter.add({ ref: 'ns/b', namespace: 'ns', name: 'b', createdAt: '', plan, maps: new Map([['m', map]]) });
  return {
    asked,
    notebook,
    pass: (ms: number) => {
      nowMs += ms;
    },
    async scrape(...keys: readonly (string | number)[]): Promise<string[]> {
      map.entries = keys.map((key, i): Entry => {
        const bytes = [Buffer.alloc(8), Buffer.alloc(8)] as const;
        if (typeof key === 'string') bytes[0].write(key, 'latin1');
        else bytes[0].writeUInt32LE(key);
        bytes[1].writeUInt32LE(10 ** i % 1_000_000_007);
        return bytes;
      });
      return parseExposition(await textOf(exporter)).samples.map(({ labels, value }) => `${labels['l']}=${value}`);
    },
  };
}

test.each<[string, Reading, DecoderSpec[], string | number, string]>([
  ['the bytes of a number', u32, bytesFirst, 0x04030201, '\x01\x02\x03\x04'],
  ['the bytes of one that is not four', { ...u32, sizeBytes: 2, offsetBytes: 1 }, bytesFirst, 0x04030201, '\x02\x03'],
  ['all of a text', { kind: 'text', offsetBytes: 0, sizeBytes: 8 }, bytesFirst, 'a\0b', 'a\0b\0\0\0\0\0'],
  ['all of other bytes', { kind: 'hex', offsetBytes: 1, sizeBytes: 3 }, bytesFirst, 'abcdef', 'bcd'],
  ['an enum: of its number', { kind: 'enum', number: u32, names: new Map([[1n, 'ONE']]) }, bytesFirst, 1, '\x01\0\0\0'],
  [
    'bits: a number of eight',
    { kind: 'bits', offsetBytes: 0, shift: 4, bitSize: 4, signed: false },
    bytesFirst,
    0xa5,
    '\x0a\0\0\0\0\0\0\0',
  ],
  ['text: a number', u32, textFirst, 1234, '1234'],
  ['text: the name of an enum', { kind: 'enum', number: u32, names: new Map([[1n, 'ONE']]) }, textFirst, 1, 'ONE'],
  ['text: without escapes', { kind: 'text', offsetBytes: 0, sizeBytes: 8 }, textFirst, 'a"\\\nb', 'a"\\\nb'],
])('the first decoder is given %s', async (_, reading, specs, key, expected) => {
  const { asked, scrape } = decoded(reading, () => 'x', specs);
  expect(await scrape(key)).toEqual(['x=1']);
  expect(asked).toEqual([expected]);
});

test('what decoders give is as hostile as what is in a map', async () => {
  const { scrape } = decoded(u32, () => 'a"\n\\\xff');
  expect(await scrape(1)).toEqual(['a"\n\\\ufffd=1']);
});

test('labels that come out equal are one series; refused ones none', async () => {
  const names: Record<number, string | undefined> = { 1: 'odd', 2: undefined, 3: 'odd', 4: 'even' };
  const { scrape, notebook } = decoded(u32, (input) => names[input.readUInt32LE()]);
  expect(await scrape(1, 2, 3, 4)).toEqual(['odd=101', 'even=1000']);
  expect(notebook.lines.at(-2)).toBe('written b: 2, 1 merged');
});

test('of a gauge with equal labels the last counts', async () => {
  const metrics = [{ family: 'bpf_m', type: 'gauge', help: 'M.', value, elements: undefined }] as const;
  expect(await decoded(u32, () => 'same', bytesFirst, { metrics }).scrape(1, 2, 3)).toEqual(['same=100']);
});

test('answers are kept, refusals too, but not for long', async () => {
  const chain = decoded(u32, (input) => (input[0] === 1 ? 'one' : undefined));
  await chain.scrape(1, 2);
  await chain.scrape(1, 2);
  chain.pass(keepMs / 2);
  await chain.scrape(1, 2);
  expect(chain.asked).toHaveLength(2);
  chain.pass(keepMs / 2);
  await chain.scrape(1, 2);
  expect(chain.asked).toHaveLength(4);
});

test('answers are kept for so many only', async () => {
  const chain = decoded(u32, () => 'x');
  const keys = Array.from({ length: 2 * maxAnswers + 1 }, (_, i) => i);
  await chain.scrape(...keys.slice(0, maxAnswers));
  await chain.scrape(...keys.slice(0, maxAnswers));
  expect(chain.asked).toHaveLength(maxAnswers);
  await chain.scrape(...keys.slice(maxAnswers));
  expect(chain.asked).toHaveLength(2 * maxAnswers + 1);
  await chain.scrape(0);
  expect(chain.asked).toHaveLength(2 * maxAnswers + 2);
});

test('decoders that nothing can be made of cost their map', async () => {
  const { exporter, notebook } = newExporter({
    decoders: () => {
      throw new RangeError('no such format');
    },
  });
  const label: LabelPlan = { name: 'l', from: 'key', reading: u32, decoders: bytesFirst };
  const metrics = [{ family: 'bpf_m', type: 'untyped', help: 'M.', value, elements: undefined }] as const;
  const table = { map: 'm', keySizeBytes: 8, valueSizeBytes: 8, labels: [label], metrics, distinct: true };
  const maps = new Map([['m', new MemoryMap({ name: 'm', keySizeBytes: 8, valueSizeBytes: 8 }, [])]]);
  exporter.add({
    ...{ ref: 'ns/b', namespace: 'ns', name: 'b', createdAt: '', maps },
    plan: { tables: [table], notes: [] },
  });
  expect(await textOf(exporter)).toBe('');
  expect(notebook.lines.find((line) => line.startsWith('failed'))).toContain('no such format');
});
