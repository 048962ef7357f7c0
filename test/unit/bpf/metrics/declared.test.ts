import { metricPlan } from '../../../../bpf/metrics/metric-plan.ts';
import type { HistogramRow, LabelPlan, MetricPlan, MetricRow, TablePlan } from '../../../../bpf/metrics/plan.ts';
import { metricsSchema } from '../../../../crds/metrics.ts';
import {
  array,
  bitfield,
  char,
  enumOf,
  mapTypes,
  member,
  objectOf,
  pointer,
  s32,
  s64,
  struct,
  u8,
  u16,
  u32,
  u64,
  union,
} from '../../../fixtures/layouts.ts';

/** What the tables below declare series of. */
const object = objectOf(
  {
    hists: {
      key: struct({ dev: u32, cmd_flags: u32 }),
      value: struct({ slots: array(u32, 27), comm: array(char, 16), sum: u64, cnt: u64, lost: pointer }),
    },
    buckets: { key: struct({ dev: u32, op: u8, bucket: u8 }), value: u64 },
    scalar: { key: u64, value: u64 },
    flows: {
      key: struct([
        member('addr', 0, union({ v4: u32, v6: array(u8, 16) })),
        member('', 16, struct({ sport: u16, dport: u16 })),
        bitfield('proto', 20, 0, 5, u32),
        member('where', 24, struct({ cpu: u32, kind: enumOf({ RX: 0n, TX: 1n }) })),
        member('path', 32, array(struct({ hop: u32 }), 4)),
      ]),
      value: struct({ packets: u64, delta: s64, per: array(struct({ bytes: u64, calls: u64 }), 3) }),
    },
    signed: {
      key: struct([
        bitfield('op', 0, 0, 4, u8),
        bitfield('bucket', 0, 4, 4, u8),
        member('pair', 1, array(u8, 2)),
        member('port', 4, u32),
      ]),
      value: struct({ slots: array(s64, 4), count: s32, sum: s64 }),
    },
    deltas: { key: u32, value: s64 },
    counts: { type: mapTypes.array, key: u32, value: u64, maxEntries: 8 },
    untyped: { keySizeBytes: 12, valueSizeBytes: 16 },
    softirqs: { type: mapTypes.percpuArray, key: u32, value: u64, maxEntries: 10 },
    events: { type: mapTypes.ringbuf, maxEntries: 4096 },
  },
  {
    stats: { layout: array(u64, 8), offsetBytes: 16 },
    fs: { layout: array(struct({ slots: array(u32, 4), sum: u64 }), 3), offsetBytes: 80 },
    beside: {
      layout: struct({
        fs: array(struct({ slots: array(u32, 4), sum: u64 }), 3),
        sums: array(struct({ sum: u64 }), 3),
      }),
      offsetBytes: 300,
    },
    matrix: { layout: array(array(u32, 5), 2), offsetBytes: 200 },
    total: { layout: u64, section: '.data' },
    flag: { layout: u32, section: '.rodata' },
  },
);

const planOf = (metrics: unknown) => metricPlan(object, metricsSchema.parse(metrics));
const messagesOf = (metrics: unknown): string[] => planOf(metrics).faults.map(({ message }) => message);

/** The one table of one series, which must be right. */
function tableOf(series: object): TablePlan {
  const { plan, faults } = planOf({ series: [{ name: 'm', ...series }] });
  expect(faults).toEqual([]);
  const [table, ...more] = plan.tables;
  if (table === undefined || more.length > 0) throw new Error(`${plan.tables.length} tables`);
  return table;
}

function rowOf(series: object): MetricRow {
  const [row] = tableOf(series).metrics;
  if (row === undefined) throw new Error('no number in the table');
  return row;
}

function histogramOf(series: object): HistogramRow {
  const [row] = tableOf(series).histograms ?? [];
  if (row === undefined) throw new Error('no histogram in the table');
  return row;
}

const labelOf = (map: string, label: object): LabelPlan | undefined =>
  tableOf({
    map,
    ...(map === 'flows' ? { value: { field: 'packets' } } : {}),
    ...(map === 'hists' ? { value: { field: 'sum' } } : {}),
    ...(map === 'untyped' ? { value: { offset: 0, type: 'u64' } } : {}),
    labels: [{ name: 'l', ...label }],
  }).labels[0];

const int = (offsetBytes: number, sizeBytes: number, signed = false) => ({
  kind: 'int',
  offsetBytes,
  sizeBytes,
  signed,
});

describe('numbers', () => {
  test.each<[string, object, unknown]>([
    ['a whole value', { map: 'scalar' }, { value: int(0, 8), elements: undefined }],
    ['a member', { map: 'flows', value: { field: 'delta' } }, { value: int(8, 8, true) }],
    ['a member by bytes', { map: 'untyped', value: { offset: 8, type: 's32' } }, { value: int(8, 4, true) }],
    [
      'a member of each struct in an array',
      { map: 'flows', value: { field: 'per.calls' } },
      { value: int(24, 8), elements: { count: 3, strideBytes: 16 } },
    ],
    ['a member of one struct in an array', { map: 'flows', value: { field: 'per.2.bytes' } }, { value: int(48, 8) }],
    ['a scale', { map: 'scalar', value: { scale: 1e-9 } }, { scale: 1e-9 }],
    ['a global', { global: 'total' }, { value: int(0, 8) }],
    [
      'a global array, its elements by name',
      { global: 'stats', index: { label: 'op', names: ['read', 'write'] } },
      { value: int(16, 8), elements: { count: 8, strideBytes: 8, label: 'op', names: ['read', 'write'] } },
    ],
    [
      'a member of each struct in a global array',
      { global: 'fs', value: { field: 'sum' } },
      { value: int(96, 8), elements: { count: 3, strideBytes: 24 } },
    ],
  ])('%s', (_, series, row) => {
    expect(rowOf(series)).toMatchObject(row as object);
  });

  test('a scale of one is none', () => {
    expect(rowOf({ map: 'scalar', value: { scale: 1 } })).not.toHaveProperty('scale');
  });

  test.each([
    [{ name: 'x' }, 'untyped'],
    [{ name: 'x_total' }, 'counter'],
    [{ name: 'x_total', type: 'gauge' }, 'gauge'],
    [{ name: 'x', type: 'counter' }, 'counter'],
  ])('%j is %s', (series, type) => {
    expect(rowOf({ map: 'scalar', ...series }).type).toBe(type);
  });

  test.each([
    [{}, 'bpf_m'],
    [{ prefix: 'node' }, 'node_m'],
    [{ prefix: '' }, 'm'],
  ])('%j names it %s', (metrics, family) => {
    const { plan } = planOf({ ...metrics, series: [{ name: 'm', map: 'scalar' }] });
    expect(plan.tables[0]?.metrics[0]?.family).toBe(family);
  });

  test('CPUs', () => {
    expect(tableOf({ map: 'softirqs' })).not.toHaveProperty('perCpu');
    expect(tableOf({ map: 'softirqs', perCPU: 'sum' })).not.toHaveProperty('perCpu');
    expect(tableOf({ map: 'softirqs', perCPU: 'max' })).toHaveProperty('perCpu', 'max');
    expect(messagesOf({ series: [{ name: 'm', map: 'scalar', perCPU: 'max' }] })).toEqual([
      'spec.metrics.series[0].perCPU: map scalar has one value for all CPUs',
    ]);
  });
});

describe('labels', () => {
  test.each<[string, string, object, unknown]>([
    ['a member', 'hists', { field: 'dev' }, { from: 'key', reading: int(0, 4) }],
    ['the whole key', 'scalar', {}, { from: 'key', reading: int(0, 8) }],
    ['the whole key, without BTF', 'untyped', {}, { reading: { kind: 'hex', offsetBytes: 0, sizeBytes: 12 } }],
    ['a member of an anonymous struct', 'flows', { field: 'dport' }, { reading: int(18, 2) }],
    ['a member of a union', 'flows', { field: 'addr.v4' }, { reading: int(0, 4) }],
    ['an array of bytes', 'flows', { field: 'addr.v6' }, { reading: { kind: 'hex', offsetBytes: 0, sizeBytes: 16 } }],
    ['a bitfield', 'flows', { field: 'proto' }, { reading: { kind: 'bits', offsetBytes: 20, shift: 0, bitSize: 5 } }],
    ['an enum', 'flows', { field: 'where.kind' }, { reading: { kind: 'enum', number: int(28, 4) } }],
    ['an element', 'flows', { field: 'path.3.hop' }, { reading: int(44, 4) }],
    ['text in the value', 'hists', { value: 'comm' }, { from: 'value', reading: { kind: 'text', offsetBytes: 108 } }],
    ['a pointer', 'hists', { value: 'lost' }, { reading: int(144, 8) }],
    [
      'bytes',
      'untyped',
      { offset: 4, size: 8, type: 'bytes' },
      { reading: { kind: 'hex', offsetBytes: 4, sizeBytes: 8 } },
    ],
    ['a number by bytes', 'untyped', { offset: 4, type: 's16' }, { reading: int(4, 2, true) }],
    ['a big-endian one', 'untyped', { offset: 10, type: 'u16', bigEndian: true }, { reading: { bigEndian: true } }],
  ])('%s', (_, map, label, plan) => {
    expect(labelOf(map, label)).toMatchObject(plan as object);
  });

  test.each<[string, string, object[], unknown, number]>([
    ['uint is the unsigned number', 'flows', [{ name: 'uint' }], int(28, 4), 0],
    ['int is the signed number', 'flows', [{ name: 'int' }], int(28, 4, true), 0],
    ['string is text', 'flows', [{ name: 'string' }], { kind: 'text', offsetBytes: 28, sizeBytes: 4 }, 0],
    ['hex is hex', 'flows', [{ name: 'hex' }], { kind: 'hex', offsetBytes: 28, sizeBytes: 4 }, 0],
    ['the rest is the chain', 'flows', [{ name: 'uint' }, { name: 'errno' }], int(28, 4), 1],
    ['others are the chain', 'flows', [{ name: 'ifname' }], { kind: 'enum' }, 1],
  ])('a first decoder: %s', (_, map, decoders, reading, chain) => {
    const label = labelOf(map, { field: 'where.kind', decoders });
    expect(label?.reading).toMatchObject(reading as object);
    expect(label?.decoders ?? []).toHaveLength(chain);
  });

  test('without labels: one for each member of the key', () => {
    const names = (series: object) => tableOf(series).labels.map(({ name }) => name);
    expect(names({ map: 'hists', value: { field: 'sum' } })).toEqual(['dev', 'cmd_flags']);
    expect(names({ map: 'flows', value: { field: 'packets' } })).toContain('where_cpu');
    expect(names({ map: 'softirqs' })).toEqual(['key']);
    expect(names({ map: 'softirqs', labels: [] })).toEqual([]);
    expect(names({ global: 'total' })).toEqual([]);
    expect(names({ map: 'buckets', histogram: { kind: 'exp2', max: 3 } })).toEqual(['dev', 'op']);
  });

  test('index names the entries of an array', () => {
    const { labels } = tableOf({ map: 'softirqs', index: { label: 'kind', names: ['hi', 'timer'] } });
    expect(labels).toEqual([
      {
        name: 'kind',
        from: 'key',
        reading: {
          kind: 'enum',
          number: int(0, 4),
          names: new Map([
            [0n, 'hi'],
            [1n, 'timer'],
          ]),
        },
      },
    ]);
  });

  test.each<[string, object]>([
    ['numbers that no other element shows', { global: 'stats', index: { label: 'code', names: ['200', '404', '8'] } }],
    ['a number for each', { global: 'fs', value: { field: 'sum' }, index: { label: 'x', names: ['2', '1', '0'] } }],
    [
      'the same start of 256 bytes',
      { global: 'stats', index: { label: 'x', names: [`${'é'.repeat(127)}a`, `${'é'.repeat(127)}b`] } },
    ],
  ])('index may have %s', (_, series) => {
    expect(messagesOf({ series: [{ name: 'm', ...series }] })).toEqual([]);
  });

  test.each<[string, [string, typeof u8][], string | undefined]>([
    ['64 members', Array.from({ length: 64 }, (_, i) => [`m${i}`, u8]), undefined],
    [
      '65 members',
      Array.from({ length: 65 }, (_, i) => [`m${i}`, u8]),
      'the key of map wide makes 65 labels, more than 64; say which',
    ],
    ['a name of 256 bytes', [['x'.repeat(256), u8]], undefined],
    ['one of 257', [['x'.repeat(257), u8]], `${'x'.repeat(32)}… is a name of more than 256 bytes`],
  ])('labels that BTF makes of a key with %s', (_, members, problem) => {
    const wide = objectOf({ wide: { key: struct(Object.fromEntries(members)), value: u64 } });
    const { faults } = metricPlan(wide, metricsSchema.parse({ series: [{ name: 'm', map: 'wide' }] }));
    const message = `spec.metrics.series[0].labels: ${problem}`;
    expect(faults).toEqual(problem === undefined ? [] : [{ message }]);
  });

  test('names of an index that are alike once they are cut are refused', () => {
    const names = ['a', 'b'].map((end) => 'é'.repeat(128) + end);
    expect(messagesOf({ series: [{ name: 'm', global: 'stats', index: { label: 'x', names } }] })).toEqual([
      expect.stringMatching(/^spec\.metrics\.series\[0\]\.index\.names\[1\]: names\[0\] shows as "é{128}" already$/),
    ]);
  });

  test.each<[string, object, boolean]>([
    ['the whole key', { map: 'scalar' }, true],
    ['none of the key', { map: 'scalar', labels: [] }, false],
    ['a key through a decoder', { map: 'scalar', labels: [{ name: 'a', decoders: [{ name: 'ksym' }] }] }, false],
    ['a label of the value', { map: 'hists', value: { field: 'sum' }, labels: [{ name: 'a', value: 'comm' }] }, false],
    ['a global', { global: 'total' }, true],
  ])('%s tells entries apart', (_, series, distinct) => {
    expect(tableOf(series).distinct).toBe(distinct);
  });
});

describe('histograms', () => {
  const slots = (histogram: object, series: object = { map: 'hists' }) =>
    histogramOf({ ...series, histogram: { kind: 'slots', field: 'slots', ...histogram } });
  const small = { global: 'fs' };

  test.each<[string, object, number[]]>([
    ['floorLog2', { bucketOf: 'floorLog2' }, [1, 3, 7]],
    ['ceilLog2', { bucketOf: 'ceilLog2' }, [1, 2, 4]],
    ['linear', { linear: { width: 200 } }, [199, 399, 599]],
    ['linear of one', { linear: { width: 1 } }, [0, 1, 2]],
    ['bounds, the last open', { bounds: [5, 10, 50] }, [5, 10, 50]],
    ['bounds for all', { bounds: [5, 10, 50, 100] }, [5, 10, 50, 100]],
    ['a scale, exactly', { bucketOf: 'floorLog2', scale: 1e-6 }, [0.000001, 0.000003, 0.000007]],
    ['a scale where a product would be off', { bounds: [5, 6, 7], scale: 1e-6 }, [0.000005, 0.000006, 0.000007]],
  ])('slots: %s', (_, histogram, bounds) => {
    expect(slots(histogram, small).bounds).toEqual(bounds);
  });

  test.each<[string, object, number[], number[]]>([
    ['exp2', { kind: 'exp2', max: 3 }, [0, 1, 2, 3], [1, 2, 4, 8]],
    ['exp2 from 2', { kind: 'exp2', min: 2, max: 3 }, [2, 3], [4, 8]],
    ['exp2zero', { kind: 'exp2zero', max: 3 }, [0, 1, 2, 3], [0, 1, 2, 4]],
    ['linear', { kind: 'linear', max: 2, multiplier: 50 }, [0, 1, 2], [0, 50, 100]],
    ['fixed', { kind: 'fixed', keys: [1, 5, 10], scale: 1e-3 }, [1, 5, 10], [0.001, 0.005, 0.01]],
    ['exp2 to the end', { kind: 'exp2', min: 63, max: 64 }, [63, 64], [2 ** 63, 2 ** 64]],
  ])('over keys: %s', (_, histogram, numbers, bounds) => {
    const row = histogramOf({ map: 'buckets', histogram });
    expect(row.bounds).toEqual(bounds);
    expect(row.buckets).toEqual({ kind: 'key', number: int(5, 1), numbers, value: int(0, 8) });
  });

  test('slots, sum and count are where the value has them', () => {
    expect(slots({ bucketOf: 'floorLog2', sumField: 'sum', countField: 'cnt', scale: 1e-6 })).toMatchObject({
      scale: 1e-6,
      buckets: { first: int(0, 4), strideBytes: 4, count: 27, sum: int(128, 8), total: int(136, 8) },
    });
    const { buckets } = slots({ bucketOf: 'floorLog2' });
    expect([buckets, 'sum' in buckets, 'total' in buckets]).toEqual([expect.anything(), false, false]);
  });

  test('counts are unsigned whatever C says; a sum keeps its sign', () => {
    const field = { field: 'slots', linear: { width: 1 }, sumField: 'sum', countField: 'count' };
    const { buckets } = histogramOf({ map: 'signed', labels: [], histogram: { kind: 'slots', ...field } });
    expect(buckets).toMatchObject({ first: int(0, 8), total: int(32, 4), sum: int(40, 8, true) });
    const over = (more: object) => histogramOf({ map: 'deltas', histogram: { kind: 'exp2', max: 3, ...more } }).buckets;
    expect(over({})).toMatchObject({ value: int(0, 8) });
    expect(over({ sumKey: 4 })).toMatchObject({ value: int(0, 8, true) });
  });

  test('what shares a byte with the bucket, and no bit, is a label', () => {
    const histogram = { kind: 'linear', field: 'bucket', max: 15 };
    const names = (series: object) => tableOf({ map: 'signed', value: { field: 'sum' }, histogram, ...series }).labels;
    expect(names({ labels: [{ name: 'o', field: 'op' }] }).map(({ name }) => name)).toEqual(['o']);
    expect(names({}).map(({ name }) => name)).toEqual(['op', 'pair', 'port']);
  });

  test('an array of histograms, with the sum of each', () => {
    const index = { label: 'op', names: ['read', 'write', 'open'] };
    expect(slots({ bucketOf: 'ceilLog2', sumField: 'sum' }, { ...small, index }).buckets).toEqual({
      kind: 'slots',
      first: int(80, 4),
      strideBytes: 4,
      count: 4,
      sum: int(96, 8),
      elements: { count: 3, strideBytes: 24, label: 'op', names: ['read', 'write', 'open'] },
    });
  });

  test('an array of arrays', () => {
    const { buckets } = histogramOf({ global: 'matrix', histogram: { kind: 'slots', linear: { width: 1 } } });
    expect(buckets).toMatchObject({ first: int(200, 4), count: 5, elements: { count: 2, strideBytes: 20 } });
  });

  test('the sum under a key', () => {
    const { buckets } = histogramOf({ map: 'buckets', histogram: { kind: 'exp2', field: 'op', max: 26, sumKey: 27 } });
    expect(buckets).toMatchObject({ number: int(4, 1), sumNumber: 27 });
  });
});

test.each([
  ['none', [], { ...int(0, 4), bigEndian: true }],
  ['uint', [{ name: 'uint' }], { ...int(0, 4), bigEndian: true }],
  ['int', [{ name: 'int' }], { ...int(0, 4, true), bigEndian: true }],
  ['text', [{ name: 'static_map', map: { 1: 'a' } }], { ...int(0, 4), bigEndian: true }],
  ['an address', [{ name: 'inet_ip' }], { ...int(0, 4), bigEndian: true }],
])('bigEndian with decoders: %s', (_, decoders, reading) => {
  expect(labelOf('scalar', { offset: 0, type: 'u32', bigEndian: true, decoders })?.reading).toEqual(reading);
});

describe('the plan', () => {
  const families = (plan: MetricPlan): string[] =>
    plan.tables.flatMap((table) => [...table.metrics, ...(table.histograms ?? [])].map(({ family }) => family));

  test('series of one map with the same labels are read together', () => {
    const series = [
      { name: 'a', map: 'flows', value: { field: 'packets' } },
      { name: 'b', map: 'flows', value: { field: 'delta' } },
      { name: 'c', map: 'flows', value: { field: 'delta' }, labels: [{ name: 'x', field: 'dport' }] },
      { name: 'd', map: 'hists', histogram: { kind: 'slots', field: 'slots', bucketOf: 'floorLog2' } },
      { name: 'e', map: 'hists', value: { field: 'cnt' } },
      { name: 'f', global: 'stats' },
      { name: 'g', global: 'fs', value: { field: 'sum' } },
    ];
    const { plan } = planOf({ series });
    expect(
      plan.tables.map((table) => [...table.metrics, ...(table.histograms ?? [])].map(({ family }) => family)),
    ).toEqual([['bpf_a', 'bpf_b'], ['bpf_c'], ['bpf_e', 'bpf_d'], ['bpf_f', 'bpf_g']]);
    // The table of both globals reaches to the end of the one behind.
    expect(plan.tables[3]?.valueSizeBytes).toBe(80 + 3 * 24);
  });

  test('histograms over keys have their maps to themselves', () => {
    const over = (field: string) => ({ map: 'buckets', labels: [], histogram: { kind: 'exp2', field, max: 3 } });
    const { plan } = planOf({
      series: [
        { name: 'a', ...over('op') },
        { name: 'b', ...over('bucket') },
      ],
    });
    expect(plan.tables).toHaveLength(2);
  });

  test.each<[string, object, boolean]>([
    ['without series', {}, true],
    ['with series', { series: [{ name: 'a', map: 'scalar' }] }, false],
    ['with series and auto', { auto: true, series: [{ name: 'a', map: 'scalar' }] }, true],
    ['without auto', { auto: false }, false],
  ])('the rest of the object, %s', (_, metrics, rest) => {
    const names = families(planOf(metrics).plan);
    expect(names.includes('bpf_softirqs')).toBe(rest);
    expect(names.includes('bpf_scalar')).toBe(rest && !('series' in metrics));
  });

  test('auto takes the prefix', () => {
    expect(families(planOf({ prefix: 'x' }).plan)).toContain('x_softirqs');
  });

  test('absent, it is what BTF says', () => {
    expect(families(metricPlan(object, undefined).plan)).toEqual(families(planOf({}).plan));
  });

  test.each([
    ['10m', 600_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['250ms', 250],
    ['0', undefined],
    ['0s', undefined],
  ])('expireAfter %s', (expireAfter, ms) => {
    expect(planOf({ expireAfter }).plan.expireAfterMs).toBe(ms);
  });

  test('limits', () => {
    expect(planOf({ maxSeries: 7 }).plan.maxSeries).toBe(7);
    expect(planOf({}).plan).not.toHaveProperty('maxSeries');
  });
});

describe('what is refused, with the path of the line', () => {
  const map = { map: 'scalar' };
  const hist = { map: 'hists' };
  const label = (...labels: object[]) => ({ ...hist, value: { field: 'sum' }, labels });
  const slots = { kind: 'slots', field: 'slots', bucketOf: 'floorLog2' };
  const decoder = (name: string) => ({ name, ...(name === 'enum' && { type: 'req_op' }) });

  test.each<[object, string]>([
    [
      { map: 'nope' },
      'map: no map nope in the object; there are: hists, buckets, scalar, flows, signed, deltas, counts, untyped, softirqs, events',
    ],
    [{ map: 'events' }, 'map: map events is of type 27, which holds no results'],
    [{ global: 'nope' }, 'global: no global nope in the object; there are: stats, fs, beside, matrix, total'],
    [{ global: 'flag' }, 'global: global flag is in .rodata: only .bss and .data hold results'],
    [
      label({ name: 'dev', field: 'dev_id' }),
      'labels[0].field: no member dev_id in the key of map hists; there are: dev, cmd_flags',
    ],
    [
      label({ name: 'dev', value: 'comn' }),
      'labels[0].value: no member comn in the value of map hists; there are: slots, comm, sum, cnt, lost',
    ],
    [
      { map: 'flows', value: { field: 'packets' }, labels: [{ name: 'x', field: 'where.x' }] },
      'labels[0].field: no member x in where of the key of map flows; there are: cpu, kind',
    ],
    [
      { map: 'flows', value: { field: 'packets' }, labels: [{ name: 'x', field: 'path.4.hop' }] },
      'labels[0].field: no element 4 in path of the key of map flows; it has 4',
    ],
    [
      { map: 'flows', value: { field: 'packets' }, labels: [{ name: 'x', field: 'path.hop' }] },
      'labels[0].field: it goes through an array of 4; say which element, from 0 on',
    ],
    [
      { ...map, labels: [{ name: 'x', field: 'pid' }] },
      'labels[0].field: no member pid in the key of map scalar, which is of type 64-bit integer',
    ],
    [label({ name: 'x' }), 'labels[0]: it is a struct; name one of its members: dev, cmd_flags'],
    [
      { map: 'untyped', value: { offset: 0, type: 'u64' }, labels: [{ name: 'x', field: 'a' }] },
      'labels[0].field: the key of map untyped has no BTF type; say offset and type instead',
    ],
    [{ global: 'total', labels: [{ name: 'x', field: 'a' }] }, 'labels[0].field: global total has no key'],
    [{ global: 'total', labels: [{ name: 'x', offset: 0, type: 'u8' }] }, 'labels[0].offset: global total has no key'],
    [{ ...map, labels: [{ name: 'x', offset: 1, type: 'u64' }] }, 'labels[0].offset: bytes 1 to 9 of a key of 8'],
    [{ ...map, labels: [{ name: 'x', offset: 0, type: 'bytes' }] }, 'labels[0].size: type bytes needs a size'],
    [{ ...map, labels: [{ name: 'x', offset: 0, size: 4, type: 'u64' }] }, 'labels[0].size: u64 has 8 bytes, not 4'],
    [
      { ...map, labels: [{ name: 'x', offset: 0, size: 4, type: 'bytes', bigEndian: true }] },
      'labels[0].bigEndian: type bytes has no byte order',
    ],
    [
      { ...map, labels: [{ name: 'x', decoders: [{ name: 'inet_ip' }] }] },
      'labels[0].decoders[0].name: inet_ip takes 4 or 16 bytes, and there are 8',
    ],
    [
      { ...map, labels: [{ name: 'x', decoders: [{ name: 'string' }, { name: 'regexp', regexps: ['a', '(?=a)'] }] }] },
      'labels[0].decoders[1].regexps[1]: (?=: look-around is not supported',
    ],
    [
      { ...map, labels: [{ name: 'x', decoders: [{ name: 'format', format: '%f' }] }] },
      'labels[0].decoders[0].format: %f: there are %d, %u, %x, %X, %o, %s and %%',
    ],
    [
      label({ name: 'a', field: 'dev' }, { name: 'a', field: 'cmd_flags' }),
      'labels[1].name: labels[0].name makes a label a already',
    ],
    [
      { map: 'softirqs', perCPU: 'each', labels: [{ name: 'cpu' }] },
      'labels[0].name: perCPU: each makes a label cpu already',
    ],
    [
      { map: 'flows', value: { field: 'per.bytes' }, labels: [{ name: 'index', field: 'dport' }] },
      'labels[0].name: the index of an array makes a label index already',
    ],
    [{ ...hist, value: { field: 'comm' } }, 'value.field: it is no integer of 1, 2, 4 or 8 bytes'],
    [hist, '? it is no integer of 1, 2, 4 or 8 bytes; name a member of it in value.field: slots, comm, sum, cnt, lost'],
    [{ ...map, value: { offset: 4, type: 'u64' } }, 'value.offset: bytes 4 to 12 of a value of 8'],
    [{ map: 'untyped' }, '? the value of map untyped has no BTF type; say offset and type instead'],
    [{ ...map, index: { label: 'op' } }, 'index: there is no array, neither in the value nor as map scalar'],
    [
      { global: 'fs', value: { field: 'sum' }, index: { label: 'op', names: ['a', 'b', 'c', 'd'] } },
      'index.names: 4 names for 3 elements',
    ],
    [
      { global: 'stats', index: { label: 'op', names: ['a', 'b', 'a'] } },
      'index.names[2]: names[0] shows as "a" already',
    ],
    [
      { global: 'stats', index: { label: 'op', names: ['a', '7'] } },
      'index.names[1]: element 7, which has no name, shows as "7" already',
    ],
    [{ map: 'softirqs', index: { label: 'op', names: ['', ''] } }, 'index.names[1]: names[0] shows as "" already'],
    [
      { map: 'softirqs', index: { label: 'op', names: Array.from({ length: 11 }, (_, i) => `n${i}`) } },
      'index.names: 11 names for 10 elements',
    ],
    [{ global: 'stats', index: { label: 'job' } }, "index.label: job is Prometheus' own name of a target"],
    [{ ...hist, histogram: { ...slots, field: 'sum' } }, 'histogram.field: it is no array of integers'],
    [
      { global: 'fs', histogram: { ...slots, bucketOf: undefined, bounds: [1, 2] } },
      'histogram.bounds: 2 bounds for 4 slots: it must be 3 or 4',
    ],
    [
      { global: 'fs', histogram: { ...slots, bucketOf: undefined, bounds: [1, 2, 2] } },
      'histogram.bounds: bounds must be given and ascend',
    ],
    [
      { global: 'fs', histogram: { ...slots, bucketOf: undefined, bounds: [1, 2, 1e308], scale: 1e18 } },
      'histogram.scale: it makes Infinity of the bound 1e+308: bounds must stay finite, and ascend',
    ],
    [
      { map: 'buckets', histogram: { kind: 'linear', max: 3, multiplier: 5e-324, scale: 0.1 } },
      'histogram.scale: it makes 0 of the bound 5e-324: bounds must stay finite, and ascend',
    ],
    [{ ...hist, histogram: { ...slots, sumField: 'total' } }, /histogram\.sumField: no member total in the value/],
    [{ ...hist, histogram: { ...slots, sumField: 'comm' } }, /histogram\.sumField: it is no integer/],
    [
      { global: 'fs', histogram: { ...slots, sumField: '0.sum' } },
      /histogram\.sumField: it is not in the same element/,
    ],
    ...['slots.0', 'slots.26'].map((sumField): [object, string] => [
      { ...hist, histogram: { ...slots, sumField } },
      'histogram.sumField: it is one of the slots; name a member beside them',
    ]),
    [
      { global: 'fs', histogram: { ...slots, countField: 'slots.3' } },
      'histogram.countField: it is one of the slots; name a member beside them',
    ],
    [
      { global: 'beside', histogram: { ...slots, field: 'fs.slots', sumField: 'sums.sum' } },
      'histogram.sumField: it is not in the same element as the slots',
    ],
    ...(
      [
        [{ map: 'buckets', labels: [{ name: 'b', field: 'bucket' }] }, 'labels[0].name', 'b'],
        [
          {
            map: 'buckets',
            labels: [
              { name: 'b', field: 'op' },
              { name: 'c', offset: 4, type: 'u16' },
            ],
          },
          'labels[1].name',
          'c',
        ],
        [{ map: 'buckets', labels: [{ name: 'all', decoders: [{ name: 'hex' }] }] }, 'labels[0].name', 'all'],
        [{ map: 'scalar', labels: [{ name: 'b' }] }, 'labels[0].name', 'b'],
        [{ map: 'counts', index: { label: 'i' } }, 'index.label', 'i'],
      ] as const
    ).map(([series, line, name]): [object, string] => [
      { ...series, histogram: { kind: 'exp2', max: 3 } },
      `${line}: label ${name} shows the bucket's number, so each bucket would be a histogram of its own; leave it out of the labels`,
    ]),
    [
      { map: 'signed', value: { field: 'sum' }, histogram: { kind: 'exp2', field: 'pair.1', max: 3 } },
      "labels: label pair shows the bucket's number, so each bucket would be a histogram of its own; leave it out of the labels",
    ],
    ...['enum', 'bool', 'hex', 'string', 'ifname', 'netns', 'majorminor', 'mkdev', 'kstack', 'dname'].map(
      (name): [object, string] => [
        { ...map, labels: [{ name: 'x', offset: 0, type: 'u32', bigEndian: true, decoders: [decoder(name)] }] },
        `labels[0].bigEndian: ${name} takes the bytes as they are, in no other order; a decoder of text, such as static_map, heeds it`,
      ],
    ),
    [{ map: 'buckets', histogram: { kind: 'exp2', field: 'slot', max: 3 } }, /histogram\.field: no member slot/],
    [{ map: 'buckets', histogram: { kind: 'exp2', max: 65 } }, 'histogram.max: 2^65 is more than a number holds'],
    [{ map: 'buckets', histogram: { kind: 'linear', min: 3, max: 3 } }, 'histogram.max: max must be more than min, 3'],
    [{ map: 'buckets', histogram: { kind: 'linear', max: 1024 } }, 'histogram.max: 1025 buckets, more than 1024'],
    [{ map: 'buckets', histogram: { kind: 'fixed', keys: [2, 1] } }, 'histogram.keys: keys must be given and ascend'],
    [{ map: 'buckets', histogram: { kind: 'exp2', max: 3, sumKey: 3 } }, 'histogram.sumKey: 3 is a bucket already'],
    ...['node', 'bpf_namespace', 'bpf_name'].map((name): [object, string] => [
      label({ name, field: 'dev' }),
      `labels[0].name: every series has a label ${name} already`,
    ]),
    ...['job', 'instance'].map((name): [object, string] => [
      label({ name, field: 'dev' }),
      `labels[0].name: ${name} is Prometheus' own name of a target`,
    ]),
    ...['le', 'quantile'].map((name): [object, string] => [
      label({ name, field: 'dev' }),
      `labels[0].name: ${name} is for the histograms and summaries of Prometheus`,
    ]),
    ...['namespace', 'pod', 'container'].map((name): [object, string] => [
      label({ name, field: 'dev' }),
      `labels[0].name: ${name} is what Prometheus knows of a target, and a scrape that honors labels would believe it`,
    ]),
    [label({ name: '__name__', field: 'dev' }), 'labels[0].name: __ is for labels inside Prometheus'],
  ] as [object, string][])('%j', (series, message) => {
    const expected =
      typeof message === 'string'
        ? `spec.metrics.series[0]${message.startsWith('? ') ? `: ${message.slice(2)}` : `.${message}`}`
        : expect.stringMatching(message);
    expect(messagesOf({ series: [{ name: 'm', ...series }] })).toEqual([expected]);
  });

  test.each<[string, object[], string[]]>([
    [
      'two series',
      [
        { name: 'a', ...map },
        { name: 'a', global: 'total' },
      ],
      ['series[1].name: spec.metrics.series[0] makes bpf_a already'],
    ],
    [
      "a histogram's count",
      [
        { name: 'a', ...hist, histogram: slots },
        { name: 'a_count', ...map },
      ],
      ['series[1].name: spec.metrics.series[0] makes bpf_a_count already'],
    ],
    [
      "a histogram's bucket, the other way about",
      [
        { name: 'a_bucket', ...map },
        { name: 'a', ...hist, histogram: slots },
      ],
      ['series[1].name: spec.metrics.series[0] makes bpf_a_bucket already'],
    ],
    ["the agent's", [{ name: 'agent_x', ...map }], ["series[0].name: bpf_agent_x: bpf_agent_ is the agent's own"]],
  ])('one name: %s', (_, series, messages) => {
    expect(messagesOf({ series })).toEqual(messages.map((message) => `spec.metrics.${message}`));
  });

  test.each([
    ['', 'up', 1],
    ['', 'upload', 0],
    ['', 'scrape_x', 1],
    ['process', 'cpu_seconds_total', 1],
    ['', 'nodejs_x', 1],
  ])('prefix %j and name %s: %i faults', (prefix, name, count) => {
    expect(messagesOf({ prefix, series: [{ name, ...map }] })).toHaveLength(count);
  });

  test.each([
    ['bpf_agent', "bpf_agent_bucket: bpf_agent_ is the agent's own"],
    ['process', "process_bucket: process_ is the agent's own"],
    ['nodejs', "nodejs_bucket: nodejs_ is the agent's own"],
    ['scrape', "scrape_bucket: it is Prometheus' own"],
    ['up', "up: it is Prometheus' own"],
    ['processes', undefined],
  ])('a histogram %s, by the names of its lines', (name, problem) => {
    const series = [{ name, ...hist, histogram: slots }];
    const path = 'spec.metrics.series[0].name';
    expect(messagesOf({ prefix: '', series })).toEqual(problem === undefined ? [] : [`${path}: ${problem}`]);
    // The name alone says nothing.
    if (name !== 'up') expect(messagesOf({ prefix: '', series: [{ name, ...map }] })).toEqual([]);
  });

  test('a name that auto makes too', () => {
    expect(messagesOf({ auto: true, series: [{ name: 'softirqs', ...map }] })).toEqual([
      'spec.metrics.series[0].name: auto makes bpf_softirqs already',
    ]);
  });

  test('every fault is told, not only the first', () => {
    expect(
      messagesOf({
        series: [
          { name: 'a', map: 'nope' },
          { name: 'b', ...label({ name: 'x', field: 'x' }, { name: 'job', field: 'y' }) },
        ],
      }),
    ).toHaveLength(4);
  });
});
