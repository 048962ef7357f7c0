import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabelPlan, MetricRow, NumberReading, TablePlan } from '../../../../bpf/metrics/plan.ts';
import { MemoryMap } from '../../../fakes/memory-map.ts';
import { newExporter, textOf } from './exporting.ts';
import { parseExposition } from './parse.ts';

const folder = join(import.meta.dirname, '../../../fixtures/expositions');
const promtool = '/usr/bin/promtool';

const int = (offsetBytes: number, sizeBytes: 1 | 2 | 4 | 8 = 8, signed = false): NumberReading => ({
  kind: 'int',
  offsetBytes,
  sizeBytes,
  signed,
});
const bigEndian = (offsetBytes: number, sizeBytes: 2 | 4 | 8): NumberReading => ({
  ...{ kind: 'int', offsetBytes, sizeBytes, signed: false },
  bigEndian: true,
});
const metric = (family: string, value: NumberReading, more: Partial<MetricRow> = {}): MetricRow => ({
  family,
  type: 'untyped',
  help: `${family}.`,
  value,
  elements: undefined,
  ...more,
});
const keyLabel: LabelPlan = { name: 'key', from: 'key', reading: int(0, 4) };

function u32(...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4);
  for (const [i, n] of numbers.entries()) bytes.writeUInt32LE(n >>> 0, i * 4);
  return bytes;
}
function u64(...numbers: readonly (number | bigint)[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * 8);
  for (const [i, n] of numbers.entries()) bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(n)), i * 8);
  return bytes;
}

interface Golden {
  readonly table: Omit<TablePlan, 'map' | 'keySizeBytes' | 'valueSizeBytes'>;
  readonly cpus?: number;
  readonly valueSizeBytes?: number;
  readonly entries: readonly (readonly [Buffer, Buffer])[];
}

const oneSlot = (i: number): NumberReading => int(i * 8);

const goldens: Readonly<Record<string, Golden>> = {
  // A gauge whose last key counts, beside a counter that is summed; floats as short as they can be; big-endian numbers.
  'declared-numbers': {
    table: {
      labels: [{ name: 'port', from: 'key', reading: bigEndian(0, 2) }],
      metrics: [
        metric('bpf_size_bytes', int(0), { type: 'gauge' }),
        metric('bpf_run_seconds_total', int(8), { type: 'counter', scale: 1e-9 }),
        metric('bpf_delta_ratio', int(16, 8, true), { type: 'gauge', scale: 0.001 }),
        metric('bpf_big_total', int(8), { type: 'counter', scale: 1000 }),
        metric('bpf_wire', bigEndian(24, 8)),
      ],
      distinct: false,
    },
    entries: [
      [Buffer.from([1, 187, 0, 0]), Buffer.concat([u64(5, 1, -1), Buffer.from([0, 0, 0, 1, 0, 0, 0, 2])])],
      [Buffer.from([1, 187, 0, 1]), Buffer.concat([u64(3, 2_500_000_000, -2), Buffer.alloc(8)])],
      [Buffer.from([0, 80, 0, 0]), Buffer.concat([u64(2n ** 64n - 1n, 2n ** 63n, 7), Buffer.alloc(8, 0xff)])],
    ],
  },
  // Each CPU by itself; a label whose place in the alphabet is before the key's.
  'declared-each-cpu': {
    table: {
      labels: [keyLabel],
      metrics: [metric('bpf_hits_total', int(0), { type: 'counter' })],
      perCpu: 'each',
      distinct: true,
    },
    cpus: 3,
    entries: [
      [u32(1), u64(10, 0, 30)],
      [u32(2), u64(2n ** 64n - 1n, 5, 6)],
    ],
  },
  'declared-max-cpu': {
    table: {
      labels: [keyLabel],
      metrics: [metric('bpf_worst', int(0), { type: 'gauge' }), metric('bpf_worst_signed', int(0, 8, true))],
      perCpu: 'max',
      distinct: true,
    },
    cpus: 3,
    entries: [
      [u32(1), u64(1, 2n ** 32n, 7)],
      [u32(2), u64(-1, 5, -9)],
    ],
  },
  'declared-min-cpu': {
    table: {
      labels: [keyLabel],
      metrics: [metric('bpf_least', int(0), { type: 'gauge' }), metric('bpf_least_signed', int(0, 8, true))],
      perCpu: 'min',
      distinct: true,
    },
    cpus: 3,
    entries: [
      [u32(1), u64(2n ** 33n, 2n ** 32n, 7)],
      [u32(2), u64(-1, 5, -9)],
    ],
  },
  'declared-avg-cpu': {
    table: {
      labels: [keyLabel],
      metrics: [metric('bpf_mean_seconds', int(0), { type: 'gauge', scale: 1e-3 })],
      histograms: [
        {
          family: 'bpf_mean_sizes',
          help: 'Slots of each CPU, averaged.',
          bounds: [1, 2],
          buckets: { kind: 'slots', first: oneSlot(0), strideBytes: 8, count: 3 },
        },
      ],
      perCpu: 'avg',
      distinct: true,
    },
    cpus: 2,
    valueSizeBytes: 24,
    entries: [[u32(1), u64(1, 2, 4, 2, 2, 0)]],
  },
  // Labels of an index: by name where there is one, at the end of the line, whether or not others differ by entry.
  'declared-index': {
    table: {
      labels: [],
      metrics: [
        metric('bpf_vfs_total', int(0), {
          type: 'counter',
          elements: { count: 3, strideBytes: 8, label: 'op', names: ['read', 'wr"ite'] },
        }),
        metric('bpf_plain', int(0), { elements: { count: 2, strideBytes: 8, names: ['a'] } }),
      ],
      distinct: true,
    },
    entries: [[u32(0), u64(1, 2, 3)]],
  },
  'declared-index-labels': {
    table: {
      labels: [keyLabel, { name: 'zone', from: 'value', reading: { kind: 'text', offsetBytes: 24, sizeBytes: 8 } }],
      metrics: [
        metric('bpf_ops', int(0), { elements: { count: 2, strideBytes: 8, label: 'op', names: ['read', 'write'] } }),
        metric('bpf_slots', int(0), { elements: { count: 3, strideBytes: 8 } }),
      ],
      distinct: true,
    },
    entries: [
      [u32(7), Buffer.concat([u64(1, 2, 3), Buffer.from('north\0\0\0')])],
      [u32(8), Buffer.concat([u64(4, 5, 6), Buffer.from('nürnber')])],
    ],
  },
  // bcc's slots with a true sum and a total that knows of one more than the slots do; one bound fewer than slots.
  'declared-slots': {
    table: {
      labels: [keyLabel],
      metrics: [],
      histograms: [
        {
          family: 'bpf_latency_seconds',
          help: 'Latency.',
          bounds: [1e-6, 3e-6, 7e-6],
          scale: 1e-6,
          buckets: { kind: 'slots', first: oneSlot(0), strideBytes: 8, count: 4, sum: oneSlot(4), total: oneSlot(5) },
        },
        {
          family: 'bpf_sizes',
          help: 'Two histograms in one value.',
          bounds: [16, 32],
          buckets: {
            kind: 'slots',
            first: oneSlot(0),
            strideBytes: 8,
            count: 2,
            elements: { count: 2, strideBytes: 16, label: 'op', names: ['in', 'out'] },
          },
        },
      ],
      distinct: true,
    },
    entries: [
      [u32(1), u64(1, 2, 0, 4, 1234, 8)],
      [u32(2), u64(2n ** 53n, 1, 0, 0, 2n ** 60n, 0)],
    ],
  },
  // The same, of keys that read alike: they add up.
  'declared-slots-merged': {
    table: {
      labels: [{ name: 'comm', from: 'key', reading: { kind: 'text', offsetBytes: 0, sizeBytes: 4 } }],
      metrics: [metric('bpf_runs_total', oneSlot(2), { type: 'counter' })],
      histograms: [
        {
          family: 'bpf_runs',
          help: 'Runs.',
          bounds: [1, 2],
          buckets: { kind: 'slots', first: oneSlot(0), strideBytes: 8, count: 2, sum: oneSlot(2) },
        },
      ],
      distinct: false,
    },
    entries: [
      [Buffer.from('a\0xx'), u64(1, 2, 30)],
      [Buffer.from('b\0xx'), u64(5, 6, 70)],
      [Buffer.from('a\0yy'), u64(10, 20, 300)],
    ],
  },
  // ebpf_exporter's layout: the key's last part is the bucket, and one more holds the sum.
  'declared-key-buckets': {
    table: {
      labels: [{ name: 'dev', from: 'key', reading: int(0, 4) }],
      metrics: [],
      histograms: [
        {
          family: 'bpf_io_seconds',
          help: 'Disk latency.',
          bounds: [1e-6, 2e-6, 4e-6],
          scale: 1e-6,
          buckets: { kind: 'key', number: int(4, 4), numbers: [0, 1, 2], sumNumber: 3, value: int(0) },
        },
      ],
      distinct: true,
    },
    entries: [
      [u32(8, 2), u64(5)],
      [u32(9, 0), u64(1)],
      [u32(8, 0), u64(2n ** 33n)],
      [u32(8, 3), u64(2_000_000)],
      [u32(10, 99), u64(1)],
      [u32(9, 4), u64(1)],
    ],
  },
};

async function exposition(name: string): Promise<string> {
  const golden = goldens[name];
  const [first] = golden?.entries ?? [];
  if (golden === undefined || first === undefined) throw new Error(`no golden ${name}`);
  const { cpus, entries } = golden;
  const keySizeBytes = first[0].length;
  const valueSizeBytes = golden.valueSizeBytes ?? (cpus === undefined ? first[1].length : 8);
  const map = new MemoryMap({ name: 'm', keySizeBytes, valueSizeBytes, ...(cpus !== undefined && { cpus }) }, entries);
  const { exporter } = newExporter();
  const plan = { tables: [{ ...golden.table, map: 'm', keySizeBytes, valueSizeBytes }], notes: [] };
  exporter.add({ ref: 'ns/b', namespace: 'ns', name: 'b', createdAt: '', plan, maps: new Map([['m', map]]) });
  return textOf(exporter);
}

const names = Object.keys(goldens);

test.each(names)('%s is as a person has read it', async (name) => {
  const text = await exposition(name);
  expect(text).toBe(readFileSync(join(folder, `${name}.txt`), 'utf8'));
  expect(parseExposition(text).samples.length).toBeGreaterThan(0);
});

// promtool is Debian's package `prometheus`; the unit lane must run without it. In CI a skip is a failure.
(existsSync(promtool) ? test : test.skip).each(names)('%s is clean by promtool', async (name) => {
  const output = execFileSync(promtool, ['check', 'metrics'], { input: await exposition(name), encoding: 'utf8' });
  expect(output).toBe('');
});
