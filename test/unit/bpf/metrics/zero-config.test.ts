import { maxFamilies, maxLabels } from '../../../../bpf/metrics/plan.ts';
import { zeroConfig } from '../../../../bpf/metrics/zero-config.ts';
import type { Layout } from '../../../../bpf/object/spec.ts';
import {
  array,
  bitfield,
  bool,
  char,
  double,
  enumOf,
  type MapOptions,
  mapTypes,
  member,
  objectOf,
  pointer,
  s8,
  s32,
  struct,
  u8,
  u16,
  u32,
  u64,
  u128,
  union,
} from '../../../fixtures/layouts.ts';

/** Families, and label names, of an object with one map `m`. */
function planOf(map: MapOptions): { families: string[]; labels: string[]; notes: readonly string[]; faults: string[] } {
  const { plan, faults } = zeroConfig(objectOf({ m: map }));
  return {
    families: plan.tables.flatMap((table) => table.metrics.map((metric) => metric.family)),
    labels: plan.tables.flatMap((table) => table.labels.map((label) => label.name)),
    notes: plan.notes,
    faults: faults.map((fault) => fault.message),
  };
}

const labelsOf = (key: Layout, value: Layout = u64): string[] => planOf({ key, value }).labels;
const readingOf = (key: Layout): unknown =>
  zeroConfig(objectOf({ m: { key, value: u64 } })).plan.tables[0]?.labels[0]?.reading;

describe('which maps', () => {
  test.each([
    ['hash', mapTypes.hash, 100_000, true],
    ['array', mapTypes.array, 1024, true],
    ['array of one too many', mapTypes.array, 1025, false],
    ['per-CPU hash', mapTypes.percpuHash, 100_000, true],
    ['per-CPU array', mapTypes.percpuArray, 1024, true],
    ['per-CPU array of one too many', mapTypes.percpuArray, 1025, false],
    ['LRU hash', mapTypes.lruHash, 100_000, true],
    ['per-CPU LRU hash', mapTypes.lruPercpuHash, 100_000, true],
    ['program array', mapTypes.programArray, 4, false],
    ['LPM trie', mapTypes.lpmTrie, 100_000, true],
    ['ring buffer', mapTypes.ringbuf, 4096, false],
  ])('%s', (_, type, maxEntries, exported) => {
    const { families, notes } = planOf({ type, maxEntries, key: u32, value: u64 });
    expect(families).toEqual(exported ? ['bpf_m'] : []);
    expect(notes).toHaveLength(exported ? 0 : 1);
  });
});

describe('without BTF', () => {
  test.each([
    [1, 'int'],
    [2, 'int'],
    [3, 'hex'],
    [4, 'int'],
    [8, 'int'],
    [16, 'hex'],
  ])('a key of %i bytes is %s', (keySizeBytes, kind) => {
    const { plan } = zeroConfig(objectOf({ m: { keySizeBytes } }));
    expect(plan.tables[0]?.labels).toMatchObject([{ name: 'key', reading: { kind, sizeBytes: keySizeBytes } }]);
  });

  test.each([
    [1, 1],
    [2, 1],
    [4, 1],
    [8, 1],
    [3, 0],
    [16, 0],
  ])('a value of %i bytes makes %i metrics', (valueSizeBytes, count) => {
    const { families, notes } = planOf({ valueSizeBytes });
    expect(families).toHaveLength(count);
    expect(notes).toHaveLength(1 - count);
  });

  test('BTF of another size than the map says nothing about it', () => {
    const { plan } = zeroConfig(objectOf({ m: { key: u64, keySizeBytes: 4, value: u64 } }));
    expect(plan.tables[0]?.labels).toMatchObject([{ reading: { kind: 'int', sizeBytes: 4, signed: false } }]);
  });
});

describe('keys', () => {
  test.each<[string, Layout, string[]]>([
    ['a scalar', u32, ['key']],
    ['text', array(char, 16), ['key']],
    ['a union', union({ v4: u32, v6: array(u8, 16) }), ['key']],
    ['a struct', struct({ saddr: u32, dport: u16 }), ['saddr', 'dport']],
    ['a nested struct', struct({ addr: struct({ ip: u32, port: u16 }), pid: u32 }), ['addr_ip', 'addr_port', 'pid']],
    ['an anonymous struct', struct({ '': struct({ ip: u32 }), pid: u32 }), ['ip', 'pid']],
    [
      'an anonymous union',
      struct([member('pid', 0, u32), member('', 4, union({ a: u32, b: u32 }))]),
      ['pid', 'bytes_4'],
    ],
    [
      'bitfields, the unnamed one is padding',
      struct([bitfield('a', 0, 0, 3, u32), bitfield('', 0, 3, 5, u32), bitfield('b', 1, 0, 8, u32)]),
      ['a', 'b'],
    ],
    ['a struct of padding only', struct([], 8), ['key']],
    ['names that are not legal', struct({ 'a-b': u32, ü: u32, '1st': u32 }), ['a_b', '_', '_1st']],
  ])('%s', (_, key, labels) => {
    expect(labelsOf(key)).toEqual(labels);
  });

  test.each<[string, Layout, unknown]>([
    ['unsigned', u16, { kind: 'int', offsetBytes: 0, sizeBytes: 2, signed: false }],
    ['signed', s32, { kind: 'int', offsetBytes: 0, sizeBytes: 4, signed: true }],
    ['a pointer is a number', pointer, { kind: 'int', offsetBytes: 0, sizeBytes: 8, signed: false }],
    ['bool is a number', bool, { kind: 'int', offsetBytes: 0, sizeBytes: 1, signed: false }],
    ['char[] is text', array(char, 4), { kind: 'text', offsetBytes: 0, sizeBytes: 4 }],
    ['u8[] is hex', array(u8, 4), { kind: 'hex', offsetBytes: 0, sizeBytes: 4 }],
    ['s8[] is hex', array(s8, 4), { kind: 'hex', offsetBytes: 0, sizeBytes: 4 }],
    ['char[][] is hex', array(array(char, 2), 2), { kind: 'hex', offsetBytes: 0, sizeBytes: 4 }],
    ['128 bits are hex', u128, { kind: 'hex', offsetBytes: 0, sizeBytes: 16 }],
    ['a float is hex', double, { kind: 'hex', offsetBytes: 0, sizeBytes: 8 }],
    [
      'bits across bytes',
      struct([bitfield('a', 4, 13, 40, u64)], 16),
      { kind: 'bits', offsetBytes: 5, shift: 5, bitSize: 40, signed: false },
    ],
  ])('%s', (_, key, reading) => {
    expect(readingOf(key)).toEqual(reading);
  });

  test('of an array is its index, whatever BTF says', () => {
    const { plan } = zeroConfig(objectOf({ m: { type: mapTypes.array, key: enumOf({ A: 0n }), value: u64 } }));
    expect(plan.tables[0]?.labels).toEqual([
      { name: 'key', from: 'key', reading: { kind: 'int', offsetBytes: 0, sizeBytes: 4, signed: false } },
    ]);
  });

  test.each([
    'node',
    'bpf_namespace',
    'bpf_name',
    'index',
    'cpu',
    'le',
    'quantile',
    'job',
    'instance',
    'namespace',
    'pod',
    'container',
    '__name__',
  ])('a member called %s becomes key_…', (name) => {
    expect(labelsOf(struct({ [name]: u32 }))).toEqual([`key_${name}`]);
  });

  test.each(['nodes', 'k8s_namespace', '_le', 'Pod'])('a member may be called %s', (name) => {
    expect(labelsOf(struct({ [name]: u32 }))).toEqual([name]);
  });

  test('as many labels as there may be, and one more', () => {
    const members = (count: number): Layout =>
      struct(Object.fromEntries(Array.from({ length: count }, (_, i) => [`m${i}`, u32])));
    expect(labelsOf(members(maxLabels))).toHaveLength(maxLabels);
    expect(planOf({ key: members(maxLabels + 1), value: u64 })).toMatchObject({
      families: [],
      notes: [expect.stringContaining('65 labels')],
    });
  });
});

describe('values', () => {
  test.each<[string, Layout, string[], string[]]>([
    ['a scalar', s32, ['bpf_m'], []],
    ['an enum is a number', enumOf({ A: 1n }), ['bpf_m'], []],
    ['a struct', struct({ calls: u64, bytes_total: u64 }), ['bpf_m_calls', 'bpf_m_bytes_total'], []],
    [
      'a nested struct',
      struct({ rx: struct({ bytes: u64 }), tx: struct({ bytes: u64 }) }),
      ['bpf_m_rx_bytes', 'bpf_m_tx_bytes'],
      [],
    ],
    ['text is a label', struct({ comm: array(char, 16), n: u64 }), ['bpf_m_n'], ['comm']],
    ['text of a reserved name', struct({ node: array(char, 16), n: u64 }), ['bpf_m_n'], ['value_node']],
    ['integers', array(u32, 64), ['bpf_m'], []],
    ['integers in a struct', struct({ slots: array(u32, 27), sum: u64 }), ['bpf_m_slots', 'bpf_m_sum'], []],
    [
      'what the kernel hides',
      struct([member('lock', 0, struct({ val: u32 }, 4, 'bpf_spin_lock')), member('n', 8, u64)], 16),
      ['bpf_m_n'],
      [],
    ],
  ])('%s', (_, value, families, labels) => {
    const plan = planOf({ key: u32, value });
    expect(plan.families).toEqual(families);
    expect(plan.labels).toEqual([...labels, 'key']);
    expect(plan.notes).toEqual([]);
  });

  test.each<[string, Layout]>([
    ['a union', union({ a: u64 })],
    ['a pointer', pointer],
    ['a float', double],
    ['128 bits', u128],
    ['65 integers', array(u32, 65)],
    ['text', array(char, 16)],
    ['structs', array(struct({ a: u64 }), 2)],
  ])('%s is no metric, and a note says so', (_, value) => {
    expect(planOf({ key: u32, value })).toMatchObject({ families: [], notes: [expect.stringContaining('map "m"')] });
  });

  test('a member that is no metric does not keep the others from being one', () => {
    const { families, notes } = planOf({ key: u32, value: struct({ p: pointer, n: u64, many: array(u32, 65) }) });
    expect(families).toEqual(['bpf_m_n']);
    expect(notes).toEqual([
      'member p of the value of map "m" is not exported: pointer',
      'member many of the value of map "m" is not exported: array of 65 integers, more than 64',
    ]);
  });

  test('a label from the value takes its name before the key does', () => {
    const { plan } = zeroConfig(
      objectOf({ m: { key: struct({ comm: u32 }), value: struct({ comm: array(char, 16), n: u64 }) } }),
    );
    expect(plan.tables[0]?.labels.map(({ name, from }) => [name, from])).toEqual([
      ['comm', 'value'],
      ['key_comm', 'key'],
    ]);
  });

  test('_total makes a counter, at the very end only', () => {
    const { plan } = zeroConfig(
      objectOf({
        a_total: { key: u32, value: u64 },
        total: { key: u32, value: u64 },
        a_totals: { key: u32, value: u64 },
      }),
    );
    expect(plan.tables.flatMap((table) => table.metrics.map(({ family, type }) => [family, type]))).toEqual([
      ['bpf_a_total', 'counter'],
      ['bpf_total', 'counter'],
      ['bpf_a_totals', 'untyped'],
    ]);
  });
});

describe('distinct: no two keys can read alike', () => {
  test.each<[string, Layout, boolean]>([
    ['a number', u32, true],
    ['members that fill the key', struct({ a: u32, b: u16, c: u8, d: u8 }), true],
    ['padding', struct({ a: u32, b: u16 }), false],
    ['bitfields that fill the key', struct([bitfield('a', 0, 0, 3, u8), bitfield('b', 0, 3, 5, u8)], 1), true],
    ['bits that nobody shows', struct([bitfield('a', 0, 0, 3, u8), bitfield('b', 0, 4, 4, u8)], 1), false],
    ['text', array(char, 16), false],
    ['hex of as many bytes as a label shows', array(u8, 128), true],
    ['hex of more', array(u8, 129), false],
    ['an enum', enumOf({ A: 1n, B: 2n }), true],
    ['enumerators that could pass for a number', enumOf({ '2': 1n }), false],
  ])('%s', (_, key, distinct) => {
    expect(zeroConfig(objectOf({ m: { key, value: u64 } })).plan.tables[0]?.distinct).toBe(distinct);
  });

  test('enumerators of one name', () => {
    const key: Layout = {
      kind: 'enum',
      sizeBytes: 4,
      signed: false,
      enumerators: new Map([
        [1n, 'A'],
        [2n, 'A'],
      ]),
    };
    expect(zeroConfig(objectOf({ m: { key, value: u64 } })).plan.tables[0]?.distinct).toBe(false);
  });
});

describe('faults', () => {
  test('two members of a key that come out alike', () => {
    const { faults } = zeroConfig(objectOf({ m: { key: struct({ a_b: u32, a: struct({ b: u32 }) }), value: u64 } }));
    expect(faults).toEqual([
      {
        message: 'member a_b of the key of map "m" and member a.b of the key of map "m" both make the label a_b',
        name: 'a_b',
        claimants: ['member a_b of the key of map "m"', 'member a.b of the key of map "m"'],
      },
    ]);
  });

  test('a reserved name beside what it would become', () => {
    expect(planOf({ key: struct({ node: u32, key_node: u32 }), value: u64 }).faults).toHaveLength(1);
  });

  test.each([
    ['two maps made legal', { 'a.b': { value: u64 }, a_b: { value: u64 } }, {}, ['map "a.b"', 'map "a_b"']],
    [
      'a map and a member',
      { a_b: { value: u64 }, a: { value: struct({ b: u64 }) } },
      {},
      ['map "a_b"', 'member b of the value of map "a"'],
    ],
    [
      'two members',
      { m: { value: struct({ a_b: u64, a: struct({ b: u64 }) }) } },
      {},
      ['member a_b of the value of map "m"', 'member a.b of the value of map "m"'],
    ],
    ['a map and a global', { hits: { value: u64 } }, { hits: { layout: u64 } }, ['map "hits"', 'global "hits"']],
    ['a name of the agent', { agent_series: { value: u64 } }, {}, ['map "agent_series"']],
  ])('%s', (_, maps, globals, claimants) => {
    const { faults } = zeroConfig(objectOf(maps, globals));
    expect(faults).toMatchObject([{ claimants }]);
    for (const claimant of claimants) expect(faults[0]?.message).toContain(claimant);
  });

  test.each([
    ['agent', 'bpf_agent'],
    ['agents', 'bpf_agents'],
  ])('a map may be called %s', (name, family) => {
    const { plan, faults } = zeroConfig(objectOf({ [name]: { value: u64 } }));
    expect(faults).toEqual([]);
    expect(plan.tables[0]?.metrics[0]?.family).toBe(family);
  });

  test.each([
    [252, 0],
    [253, 1],
  ])('a map whose name has %i bytes: %i faults', (length, count) => {
    expect(zeroConfig(objectOf({ ['m'.repeat(length)]: { value: u64 } })).faults).toHaveLength(count);
  });
});

describe('globals', () => {
  test('integers of .bss and .data that others can see, one metric each', () => {
    const { plan, faults } = zeroConfig(
      objectOf(
        {},
        {
          hits_total: { layout: u64, offsetBytes: 0 },
          level: { layout: s32, offsetBytes: 8 },
          started: { layout: bool, section: '.data', offsetBytes: 4 },
          own: { layout: u64, section: '.data.mine' },
          hidden: { layout: u64, linkage: 'static' },
          wish: { layout: u64, section: '.rodata' },
          config: { layout: u64, section: '.kconfig', linkage: 'extern' },
          table: { layout: array(u64, 4) },
          pair: { layout: struct({ a: u64 }) },
        },
      ),
    );
    expect(faults).toEqual([]);
    expect(plan.tables).toMatchObject([
      {
        map: '.bss',
        keySizeBytes: 4,
        valueSizeBytes: 12,
        labels: [],
        metrics: [
          { family: 'bpf_hits_total', type: 'counter', value: { offsetBytes: 0, sizeBytes: 8, signed: false } },
          { family: 'bpf_level', type: 'untyped', value: { offsetBytes: 8, sizeBytes: 4, signed: true } },
        ],
      },
      { map: '.data', metrics: [{ family: 'bpf_started', value: { offsetBytes: 4, sizeBytes: 1 } }] },
      { map: '.data.mine', metrics: [{ family: 'bpf_own' }] },
    ]);
    expect(plan.notes).toEqual([
      'global "table" is not exported: not an integer',
      'global "pair" is not exported: not an integer',
    ]);
  });

  test('no more families than there may be', () => {
    const many = Object.fromEntries(
      Array.from({ length: maxFamilies + 1 }, (_, i) => [`g${i}`, { layout: u8, offsetBytes: i }]),
    );
    const { plan, faults } = zeroConfig(objectOf({}, many));
    expect(faults).toEqual([]);
    expect(plan.tables[0]?.metrics).toHaveLength(maxFamilies);
    expect(plan.notes).toHaveLength(1);
  });
});

test('a member that would reach beyond the key is left out', () => {
  expect(labelsOf(struct([member('a', 0, u32), member('b', 5, u32), bitfield('c', 7, 0, 9, u16)], 8))).toEqual(['a']);
  expect(labelsOf(struct([member('a', 0, u32), member('b', 4, u32), bitfield('c', 7, 0, 8, u16)], 8))).toEqual([
    'a',
    'b',
    'c',
  ]);
});

test('types that multiply without end are read up to a limit', () => {
  let empty = struct([], 0);
  for (let depth = 0; depth < 12; depth++)
    empty = struct(
      Array.from({ length: 100 }, (_, i) => member(`m${i}`, 0, empty)),
      0,
    );
  const key = struct([member('pid', 0, u32), member('bomb', 4, empty)], 4);
  expect(labelsOf(key)).toEqual(['pid']);
});
