import type { MetricPlan, TablePlan } from '../../../../bpf/metrics/plan.ts';
import { type Entry, MemoryMap } from '../../../fakes/memory-map.ts';
import { newExporter, textOf } from './exporting.ts';
import { parseExposition } from './parse.ts';

const u64 = { kind: 'int', sizeBytes: 8, signed: false } as const;
const table: TablePlan = {
  map: 'm',
  keySizeBytes: 4,
  valueSizeBytes: 8,
  labels: [{ name: 'key', from: 'key', reading: { kind: 'int', offsetBytes: 0, sizeBytes: 4, signed: false } }],
  metrics: [{ family: 'bpf_m', type: 'untyped', help: 'M.', value: { ...u64, offsetBytes: 0 }, elements: undefined }],
  distinct: true,
};
/** The same keys, through the merger. */
const merged: TablePlan = { ...table, distinct: false };
const histogram: TablePlan = {
  ...table,
  metrics: [],
  histograms: [
    {
      family: 'bpf_h',
      help: 'H.',
      bounds: [1],
      buckets: { kind: 'slots', first: { ...u64, offsetBytes: 0 }, strideBytes: 8, count: 1 },
    },
  ],
};
const indexed: TablePlan = {
  ...table,
  metrics: [
    {
      ...{ family: 'bpf_m', type: 'untyped', help: 'M.' },
      value: { kind: 'int', offsetBytes: 0, sizeBytes: 4, signed: false },
      elements: { count: 2, strideBytes: 4 },
    },
  ],
};

const entry = (key: number, value: number | bigint): Entry => {
  const bytes = [Buffer.alloc(4), Buffer.alloc(8)] as const;
  bytes[0].writeUInt32LE(key);
  bytes[1].writeBigUInt64LE(BigInt(value));
  return bytes;
};

function limited(plan: Omit<MetricPlan, 'notes'>, keySizeBytes = 4) {
  let nowMs = 1_000_000;
  let told = 0;
  const { exporter, notebook } = newExporter({ now: () => nowMs, onLimited: () => void told++ });
  const map = new MemoryMap({ name: 'm', keySizeBytes, valueSizeBytes: 8, maxEntries: 100_000 }, []);
  const maps = new Map([['m', map]]);
  exporter.add({ ref: 'ns/b', namespace: 'ns', name: 'b', createdAt: '', plan: { ...plan, notes: [] }, maps });
  return {
    exporter,
    map,
    told: () => told,
    dropped: () =>
      notebook.lines
        .filter((line) => line.startsWith('written'))
        .at(-1)
        ?.split(', ')[2],
    pass: (ms: number) => {
      nowMs += ms;
    },
    /** `key=value` of every line, in order, with the map holding these entries. */
    async keys(...entries: readonly Entry[]): Promise<string[]> {
      map.entries = entries;
      const { samples } = parseExposition(await textOf(exporter));
      return samples.map(({ name, labels, value }) => {
        const { key, index, le } = labels;
        return `${[name.replace(/^bpf_[mh]_?/, ''), key, index, le].filter((part) => part).join(' ')}=${value}`;
      });
    },
  };
}

const range = (from: number, to: number, value = 1): Entry[] =>
  Array.from({ length: to - from }, (_, i) => entry(from + i, value));

describe.each([
  ['written as they are read', table],
  ['merged', merged],
])('maxSeries, series %s', (_, plan) => {
  test('as many as there may be: all are there, none counted', async () => {
    const bpf = limited({ tables: [plan], maxSeries: 3 });
    expect(await bpf.keys(...range(1, 4))).toEqual(['1=1', '2=1', '3=1']);
    expect([bpf.dropped(), bpf.exporter.limited('ns/b'), bpf.told()]).toEqual([undefined, undefined, 0]);
  });

  test('those that were there stay, whatever comes before them; places that are free go to the next', async () => {
    const bpf = limited({ tables: [plan], maxSeries: 3 });
    expect(await bpf.keys(entry(5, 1), entry(6, 1))).toEqual(['5=1', '6=1']);
    expect(await bpf.keys(entry(1, 1), entry(2, 1), entry(3, 1), entry(5, 2), entry(6, 2))).toEqual([
      '1=1',
      '5=2',
      '6=2',
    ]);
    expect([bpf.dropped(), bpf.exporter.limited('ns/b'), bpf.told()]).toEqual(['2 dropped', 3, 1]);
    // 5 is gone, but its place is known to be free only at the end of the walk.
    expect(await bpf.keys(entry(1, 1), entry(2, 1), entry(6, 3))).toEqual(['1=1', '6=3']);
    expect(await bpf.keys(entry(1, 1), entry(2, 1), entry(6, 3))).toEqual(['1=1', '2=1', '6=3']);
    expect([bpf.dropped(), bpf.exporter.limited('ns/b'), bpf.told()]).toEqual([undefined, undefined, 2]);
  });

  test('a map that cannot be read keeps its places', async () => {
    const bpf = limited({ tables: [plan], maxSeries: 2 });
    await bpf.keys(...range(1, 3));
    bpf.map.failure = new Error('closed');
    expect(await bpf.keys()).toEqual([]);
    bpf.map.failure = undefined;
    expect(await bpf.keys(entry(9, 1), ...range(1, 3))).toEqual(['1=1', '2=1']);
  });

  test('thousands that come and go: none lost, none beyond', async () => {
    const bpf = limited({ tables: [plan], maxSeries: 5000 });
    expect(await bpf.keys(...range(0, 6000))).toHaveLength(5000);
    expect(await bpf.keys(...range(3000, 9000))).toHaveLength(2000);
    expect(await bpf.keys(...range(3000, 9000))).toHaveLength(5000);
    expect(await bpf.keys()).toEqual([]);
    expect(await bpf.keys(...range(0, 5000))).toHaveLength(5000);
  });
});

test('a walk that a key with padding ends is not counted, but the one that follows', async () => {
  const plan: TablePlan = { ...table, distinct: false, keySizeBytes: 8 };
  const bpf = limited({ tables: [plan], maxSeries: 2 }, 8);
  const wide = (key: number, padding: number): Entry => {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32LE(key);
    bytes.writeUInt32LE(padding, 4);
    return [bytes, Buffer.alloc(8)];
  };
  const many = Array.from({ length: 2000 }, (_, i) => wide(i, 0));
  expect(await bpf.keys(...many, wide(1, 9))).toEqual(['0=0', '1=0']);
  expect(bpf.dropped()).toBe('1998 dropped');
});

test('one limit for all tables of a BPF, and other BPFs have their own', async () => {
  const second = {
    ...table,
    metrics: table.metrics.map((metric) => ({ ...metric, family: 'bpf_m_2' })),
  };
  const bpf = limited({ tables: [table, second], maxSeries: 3 });
  expect(await bpf.keys(...range(1, 3))).toEqual(['1=1', '2=1', '2 1=1']);
  bpf.exporter.add({
    ...{ ref: 'ns/c', namespace: 'ns', name: 'c', createdAt: '', maps: new Map([['m', bpf.map]]) },
    plan: { tables: [table], notes: [], maxSeries: 2 },
  });
  // Settled anew, and yet nothing is forgotten.
  expect(await bpf.keys(entry(0, 1), ...range(1, 3))).toEqual(['1=1', '2=1', '0=1', '1=1', '2 1=1']);
});

test('a histogram is whole or not there; each of its lines counts', async () => {
  expect(await limited({ tables: [histogram], maxSeries: 5 }).keys(...range(1, 3, 4))).toEqual([
    'bucket 1 1=4',
    'bucket 1 +Inf=4',
    'count 1=4',
  ]);
  expect(await limited({ tables: [histogram], maxSeries: 6 }).keys(...range(1, 3, 4))).toHaveLength(6);
});

describe.each([
  ['written as they are read', table],
  ['merged', merged],
  ['histograms', histogram],
])('expireAfter, %s', (_, plan) => {
  test('what has not changed for so long is left out until it changes', async () => {
    const bpf = limited({ tables: [plan], expireAfterMs: 60_000 });
    const has = async (...entries: Entry[]): Promise<string[]> => [
      ...new Set((await bpf.keys(...entries)).map((line) => /([0-9]+)( 1| \+Inf)?=/.exec(line)?.[1] ?? line)),
    ];
    expect(await has(entry(10, 7), entry(20, 7))).toEqual(['10', '20']);
    bpf.pass(59_900);
    expect(await has(entry(10, 7), entry(20, 7))).toEqual(['10', '20']);
    expect(await has(entry(10, 7), entry(20, 8))).toEqual(['10', '20']);
    bpf.pass(100);
    expect(await has(entry(10, 7), entry(20, 8))).toEqual(['20']);
    bpf.pass(59_900);
    expect(await has(entry(10, 7), entry(20, 8))).toEqual([]);
    expect(await has(entry(10, 7n + 2n ** 32n), entry(20, 8))).toEqual(['10']);
    expect(bpf.dropped()).toBeUndefined();
  });
});

test('an expired series gives its place away, and must wait for one when it changes', async () => {
  const bpf = limited({ tables: [table], maxSeries: 1, expireAfterMs: 1000 });
  expect(await bpf.keys(entry(1, 1))).toEqual(['1=1']);
  bpf.pass(1000);
  expect(await bpf.keys(entry(1, 1))).toEqual([]);
  expect(await bpf.keys(entry(1, 1), entry(2, 1))).toEqual(['2=1']);
  expect(await bpf.keys(entry(1, 2), entry(2, 2))).toEqual(['2=2']);
  expect(bpf.dropped()).toBe('1 dropped');
  expect(await bpf.keys(entry(1, 3))).toEqual([]);
  expect(await bpf.keys(entry(1, 3))).toEqual(['1=3']);
});

test('elements of one value expire one by one', async () => {
  const bpf = limited({ tables: [indexed], expireAfterMs: 1000 });
  expect(await bpf.keys(entry(1, 1n + (5n << 32n)))).toEqual(['1 0=1', '1 1=5']);
  bpf.pass(1000);
  expect(await bpf.keys(entry(1, 2n + (5n << 32n)))).toEqual(['1 0=2']);
});
