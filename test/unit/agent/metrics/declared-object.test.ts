import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { DecoderEnv } from '../../../../agent/metrics/decoders/decoder-env.ts';
import { makeDecoders } from '../../../../agent/metrics/decoders/make-decoder.ts';
import { metricPlan } from '../../../../bpf/metrics/metric-plan.ts';
import { readObject } from '../../../../bpf/object/read-object.ts';
import { metricsSchema } from '../../../../crds/metrics.ts';
import { type Entry, MemoryMap } from '../../../fakes/memory-map.ts';
import { compileBpf } from '../../../fixtures/compile.ts';
import { FakeMachine } from './decoders/decoding.ts';
import { newExporter, textOf } from './exporting.ts';
import { parseExposition } from './parse.ts';

const fixtures = join(import.meta.dirname, '../../../fixtures');
const promtool = '/usr/bin/promtool';
const cpus = 3;

const u32 = (...numbers: readonly number[]): Buffer => Buffer.from(Uint32Array.from(numbers).buffer);
const u64 = (...numbers: readonly (number | bigint)[]): Buffer =>
  Buffer.from(BigUint64Array.from(numbers, (n) => BigInt.asUintN(64, BigInt(n))).buffer);
const text = (size: number, value: string): Buffer => Buffer.concat([Buffer.from(value)], size);
const bytes = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts);

/** struct flow: a port as the wire has it, version and urgent in one byte, verdict, four bytes of which two are shown. */
const flow = (port: number, bits: number, verdict: number): Buffer =>
  bytes(Buffer.from([port >> 8, port & 0xff, bits, 0]), u32(verdict), Buffer.from([0xde, 0xad, 0xbe, 0xef]));
/** struct seen. */
const seen = (runNs: number | bigint, balance: number, level: number, calls: number, comm: string): Buffer =>
  bytes(u64(runNs, balance), u32(level | (calls << 12)), text(8, comm), u32(0));
/** Buckets of `op`, each its number and count. */
const buckets = (op: number, counts: Readonly<Record<number, number | bigint>>): Entry[] =>
  Object.entries(counts).map(([number, count]) => [u32(op, Number(number)), u64(count)]);
/** struct of_cpu. */
const ofCpu = (sum: number, slots: readonly [number, number], level: number): Buffer =>
  bytes(u64(sum), u32(...slots), u64(level));

const bss = bytes(u64(5), u32(1, 1, 3), u32(0), u64(7), u32(0, 0, 7), u32(0));

const maps: Readonly<Record<string, readonly Entry[]>> = {
  flows: [
    [flow(443, 0x14, 0), seen(1_500_000_000n, -3, 4095, 1_048_575, 'curl')],
    [flow(53, 0x06, 1), seen(5, 2 ** 32 + 7, 1, 0, 'd"ig')],
  ],
  in_exp2: [...buckets(0, { 0: 2, 3: 5, 4: 6_000_000, 7: 99 }), ...buckets(1, { 1: 1 })],
  in_exp2zero: buckets(0, { 0: 1, 1: 2, 3: 4 }),
  in_linear: buckets(0, { 1: 1, 3: 2, 9: 333 }),
  in_fixed: buckets(0, { 1: 1, 10: 2, 100: 3, 50: 9 }),
  in_slots: [
    [u32(1), bytes(u64(1000, 12), u32(1, 2, 3, 4))],
    [u32(2), bytes(u64(2n ** 53n + 1n, 0), u32(0, 0, 0, 1))],
  ],
  of_cpus: [[u32(9), bytes(ofCpu(10, [1, 4], -6), ofCpu(20, [3, 0], 6), ofCpu(0, [5, 5], 3))]],
  by_kind: [0, 1, 2, 3].map((i) => [u32(i), u64(i * 11)]),
  routes: [[bytes(u32(24), Buffer.from([192, 0, 2, 0])), u64(8)]],
  names: [
    [
      bytes(
        Buffer.from('20010db8000000000000000000000001', 'hex'),
        Buffer.from([192, 0, 2, 1, 443 >> 8, 443 & 0xff]),
        Buffer.from([7, 0]),
        u32(6, -2, 39, 0),
        text(16, '\x03www\x07example\0'),
        text(16, 'cron.service'),
      ),
      u64(1, 2, 3),
    ],
    [bytes(Buffer.alloc(40), text(16, ''), text(16, 'nothing of these')), u64(1, 1, 1)],
    [
      bytes(
        Buffer.alloc(10),
        Buffer.from([0xff, 0xff, 10, 0, 0, 1]),
        Buffer.alloc(8),
        u32(250, 13, 9999, 2),
        text(16, ''),
        text(16, 'a.scope'),
      ),
      u64(2 ** 40, 0, 1),
    ],
  ],
  '.bss': [[u32(0), bss]],
  '.data': [[u32(0), u32(-5, 1, 2, 3, 4)]],
};
const perCpuMaps: ReadonlySet<string> = new Set(['of_cpus', 'names']);

async function exposition(maxSeries?: number): Promise<{ served: string; written: readonly string[] }> {
  const object = readObject(compileBpf(join(fixtures, 'objects/declared.bpf.c')));
  const said = metricsSchema.parse(parse(readFileSync(join(fixtures, 'objects/declared.yaml'), 'utf8')));
  const { plan, faults } = metricPlan(object, { ...said, maxSeries });
  expect(faults).toEqual([]);
  const names = new DecoderEnv(new FakeMachine());
  const { exporter, notebook } = newExporter({ decoders: (specs) => makeDecoders(specs, names) });
  const readers = new Map(
    Object.entries(maps).map(([name, entries]) => {
      const [[key, value] = [Buffer.alloc(0), Buffer.alloc(0)]] = entries;
      const each = perCpuMaps.has(name)
        ? { valueSizeBytes: value.length / cpus, cpus }
        : { valueSizeBytes: value.length };
      return [name, new MemoryMap({ name, keySizeBytes: key.length, ...each }, entries)];
    }),
  );
  exporter.add({ ref: 'ns/b', namespace: 'ns', name: 'b', createdAt: '', plan, maps: readers });
  const served = await textOf(exporter);
  return { served, written: notebook.lines.filter((line) => line.startsWith('written')) };
}

const golden = join(fixtures, 'expositions/declared-object.txt');

test('an object with all that can be declared is served as a person has read it', async () => {
  expect((await exposition()).served).toBe(readFileSync(golden, 'utf8'));
});

test('of a limit, what fits is as it is without, and the rest is counted', async () => {
  const all = parseExposition(readFileSync(golden, 'utf8')).samples.map((sample) => JSON.stringify(sample));
  const limit = 40;
  const { served, written } = await exposition(limit);
  const some = parseExposition(served).samples.map((sample) => JSON.stringify(sample));
  expect(some.length).toBeLessThanOrEqual(limit);
  expect(some.filter((sample) => !all.includes(sample))).toEqual([]);
  expect(written).toEqual([`written b: ${some.length}, 0 merged, ${all.length - some.length} dropped`]);
});

// promtool is Debian's package `prometheus`; the unit lane must run without it. In CI a skip is a failure.
(existsSync(promtool) ? test : test.skip)('and clean by promtool', () => {
  expect(execFileSync(promtool, ['check', 'metrics'], { input: readFileSync(golden), encoding: 'utf8' })).toBe('');
});
