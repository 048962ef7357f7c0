import type { NameSource } from '../../../../agent/metrics/decoders/fresh.ts';
import type { LabelPlan, TablePlan } from '../../../../bpf/metrics/plan.ts';
import { type Entry, MemoryMap } from '../../../fakes/memory-map.ts';
import { newExporter, textOf } from './exporting.ts';
import { parseExposition } from './parse.ts';

/** Names that come when somebody prepares, or later, or not at all. */
class Names implements NameSource {
  misses = 0;
  prepared = 0;
  known = new Map<number, string>();
  /** What the next `prepare` brings; a promise that it waits for before. */
  coming: [number, string][] = [];
  late: Promise<void> | undefined;
  #isAsked = true;

  prepare(): Promise<void> | undefined {
    if (!this.#isAsked) return undefined;
    this.#isAsked = false;
    return this.#prepare();
  }

  name(number: number): string {
    const name = this.known.get(number);
    if (name !== undefined) return name;
    this.misses++;
    this.#isAsked = true;
    return `unknown:${number}`;
  }

  async #prepare(): Promise<void> {
    this.prepared++;
    await this.late;
    for (const [number, name] of this.coming) this.known.set(number, name);
    this.coming = [];
  }
}

const u32 = { kind: 'int', offsetBytes: 0, sizeBytes: 4, signed: false } as const;
const value = { kind: 'int', offsetBytes: 0, sizeBytes: 8, signed: false } as const;
const label: LabelPlan = { name: 'l', from: 'key', reading: u32, decoders: [{ name: 'ifname' }] };
const table: TablePlan = {
  ...{ map: 'm', keySizeBytes: 4, valueSizeBytes: 8, labels: [label], distinct: true },
  metrics: [{ family: 'bpf_m', type: 'untyped', help: 'M.', value, elements: undefined }],
};

/** A map with these keys, in the order of their values, and a scrape of it. */
function scraping(names: Names, keys: readonly number[], limits: { readonly maxSeries?: number } = {}) {
  const entries = keys.map((key, i): Entry => {
    const bytes = [Buffer.alloc(4), Buffer.alloc(8)] as const;
    bytes[0].writeUInt32LE(key);
    bytes[1].writeUInt32LE(i + 1);
    return bytes;
  });
  const map = new MemoryMap({ name: 'm', keySizeBytes: 4, valueSizeBytes: 8 }, entries);
  const chain = {
    names: [names],
    decode: (input: Uint8Array) => Buffer.from(names.name(Buffer.from(input).readUInt32LE())),
  };
  const { exporter, notebook } = newExporter({ decoders: () => chain });
  const plan = { tables: [table], notes: [], ...limits };
  exporter.add({ ref: 'ns/b', namespace: 'ns', name: 'b', createdAt: '', plan, maps: new Map([['m', map]]) });
  return {
    ...{ map, notebook },
    scrape: async (budgetMs = 10_000): Promise<string[]> =>
      parseExposition(await textOf(exporter, { budgetMs })).samples.map(
        ({ labels, value }) => `${labels['l']}=${value}`,
      ),
  };
}

test('names are made ready before the walk, so that one walk is enough', async () => {
  const names = new Names();
  names.coming = [[1, 'one']];
  const { map, scrape } = scraping(names, [1]);
  expect(await scrape()).toEqual(['one=1']);
  expect(names.prepared).toBe(1);
  await scrape();
  expect([names.prepared, map.reads]).toEqual([1, 2]);
});

test('what is new to those who know names is looked for, and the walk is done once more: nothing is unknown meanwhile', async () => {
  const names = new Names();
  names.coming = [[1, 'one']];
  const { map, notebook, scrape } = scraping(names, [1, 2]);
  await names.prepare();
  names.coming = [[2, 'two']];
  expect(await scrape()).toEqual(['one=1', 'two=2']);
  expect(map.reads).toBe(2);
  expect(notebook.lines.slice(-3)).toEqual(['read b m: 2', 'written b: 2, 0 merged', 'scraped']);
});

test('what is not known then either is left out, and asked for again in the next scrape', async () => {
  const names = new Names();
  names.known = new Map([[1, 'one']]);
  const { map, scrape } = scraping(names, [1, 2]);
  expect(await scrape()).toEqual(['one=1']);
  expect(map.reads).toBe(2);
  names.coming = [[2, 'two']];
  expect(await scrape()).toEqual(['one=1', 'two=2']);
});

test("names that do not come within the scrape's budget cost the map", async () => {
  const names = new Names();
  names.late = new Promise(() => undefined);
  const { notebook, scrape } = scraping(names, [1]);
  expect(await scrape(50)).toEqual([]);
  expect(notebook.lines).toContain('cut b m');
});

test('a walk that is done again takes no place of a limit twice', async () => {
  const names = new Names();
  names.known = new Map([
    [1, 'one'],
    [2, 'two'],
  ]);
  const { notebook, scrape } = scraping(names, [1, 2, 3], { maxSeries: 3 });
  names.coming = [];
  expect(await scrape()).toEqual(['one=1', 'two=2']);
  names.coming = [[3, 'three']];
  expect(await scrape()).toEqual(['one=1', 'two=2', 'three=3']);
  expect(notebook.lines.filter((line) => line.includes('dropped'))).toEqual([]);
});
