import fc from 'fast-check';
import type {
  HistogramRow,
  LabelPlan,
  MetricRow,
  NumberReading,
  PerCpu,
  TablePlan,
} from '../../../../bpf/metrics/plan.ts';
import { scaled } from '../../../../bpf/metrics/plan.ts';
import { type Entry, MemoryMap } from '../../../fakes/memory-map.ts';
import { newExporter, textOf } from './exporting.ts';
import { parseExposition, seriesId } from './parse.ts';

/** Declared tables of random maps, held against the rules written down a second time: slowly, with BigInt. */

const words = 6;
const ints: fc.Arbitrary<NumberReading> = fc
  .record({ sizeBytes: fc.constantFrom(1, 2, 4, 8), signed: fc.boolean(), at: fc.nat({ max: 3 }), big: fc.boolean() })
  .map(({ sizeBytes, signed, at, big }) => ({
    ...{ kind: 'int', offsetBytes: at * 8, sizeBytes, signed },
    ...(big && { bigEndian: true }),
  }));
const bits: fc.Arbitrary<NumberReading> = fc.record({
  kind: fc.constant('bits'),
  offsetBytes: fc.nat({ max: 23 }),
  shift: fc.nat({ max: 7 }),
  bitSize: fc.integer({ min: 1, max: 64 }),
  signed: fc.boolean(),
});
const readings = fc.oneof({ weight: 3, arbitrary: ints }, { weight: 1, arbitrary: bits });
const scales = fc.constantFrom(undefined, 1, 1e-9, 1e-6, 1000, 0.3);

const metrics: fc.Arbitrary<Omit<MetricRow, 'family' | 'help'>> = fc.record({
  type: fc.constantFrom('counter', 'gauge', 'untyped'),
  value: readings,
  scale: scales,
  elements: fc.constantFrom(
    undefined,
    { count: 3, strideBytes: 8 },
    { count: 2, strideBytes: 8, label: 'op', names: ['read'] },
  ),
}) as fc.Arbitrary<Omit<MetricRow, 'family' | 'help'>>;

const u64At = (word: number): NumberReading => ({ kind: 'int', offsetBytes: word * 8, sizeBytes: 8, signed: false });
const byteAt = (offsetBytes: number, signed: boolean): NumberReading => ({
  ...{ kind: 'int', offsetBytes, sizeBytes: 1, signed },
});
const histograms: fc.Arbitrary<Omit<HistogramRow, 'family' | 'help'>> = fc.oneof(
  fc.record({
    bounds: fc.constantFrom([1], [0.5, 2], [1, 2, 4, 8]),
    scale: scales,
    buckets: fc.constantFrom<HistogramRow['buckets']>(
      { kind: 'slots', first: u64At(0), strideBytes: 8, count: 4 },
      { kind: 'slots', first: u64At(0), strideBytes: 8, count: 3, sum: u64At(4), total: u64At(5) },
      {
        ...{ kind: 'slots', first: u64At(0), strideBytes: 8, count: 2 },
        elements: { count: 2, strideBytes: 16, label: 'op', names: ['a'] },
      },
    ),
  }),
  fc.record({
    bounds: fc.constant([1, 2, 4]),
    scale: scales,
    buckets: fc.constantFrom<HistogramRow['buckets']>(
      { kind: 'key', number: byteAt(4, false), numbers: [0, 1, 2], value: u64At(0) },
      {
        ...{ kind: 'key', number: byteAt(4, true) },
        ...{ numbers: [-1, 0, 1], sumNumber: 2, value: u64At(1) },
      },
    ),
  }),
) as fc.Arbitrary<Omit<HistogramRow, 'family' | 'help'>>;

/** More labels than the key's text, which is always there: bits of the key, its bytes, text of the value. */
const moreLabels: readonly LabelPlan[] = [
  { name: 'bits', from: 'key', reading: { kind: 'bits', offsetBytes: 3, shift: 2, bitSize: 9, signed: false } },
  { name: 'hex', from: 'key', reading: { kind: 'hex', offsetBytes: 5, sizeBytes: 2 } },
  { name: 'text', from: 'value', reading: { kind: 'text', offsetBytes: 40, sizeBytes: 4 } },
];

interface Case {
  readonly table: TablePlan;
  readonly cpus: number;
  readonly entries: readonly Entry[];
}

const cases: fc.Arbitrary<Case> = fc
  .record({
    metrics: fc.array(metrics, { maxLength: 3 }),
    histograms: fc.array(histograms, { maxLength: 2 }),
    perCpu: fc.constantFrom<PerCpu>('sum', 'max', 'min', 'avg', 'each'),
    cpus: fc.constantFrom(1, 2, 3),
    keys: fc.uniqueArray(
      fc
        .array(fc.constantFrom(0, 0, 1, 2, 0x41, 0xff), { minLength: 8, maxLength: 8 })
        .map((list) => Buffer.from(list)),
      { maxLength: 8, selector: (key) => key.toString('hex') },
    ),
    seed: fc.uint8Array({ minLength: 8 * 3 * words * 8, maxLength: 8 * 3 * words * 8 }),
    small: fc.boolean(),
    labels: fc.subarray([...moreLabels]),
  })
  .filter((wanted) => wanted.metrics.length + wanted.histograms.length > 0)
  .map(({ metrics: rows, histograms: more, perCpu, cpus, keys, seed, small, labels }) => ({
    cpus,
    table: {
      ...{ map: 'm', keySizeBytes: 8, valueSizeBytes: words * 8, perCpu, distinct: false },
      labels: [{ name: 'k', from: 'key', reading: { kind: 'text', offsetBytes: 0, sizeBytes: 3 } }, ...labels],
      metrics: rows.map((row, i) => ({ ...row, family: `m${i}`, help: 'M.' })),
      histograms: more.map((row, i) => ({ ...row, family: `h${i}`, help: 'H.' })),
    },
    entries: keys.map((key, i) => {
      const bytes = Buffer.from(seed.subarray(i * 3 * words * 8, i * 3 * words * 8 + cpus * words * 8));
      // Small numbers add up without a carry, large ones with.
      for (let at = 0; small && at < bytes.length; at++) if (at % 8 !== 0) bytes[at] = 0;
      return [key, bytes] as const;
    }),
  }));

/** Series id to number as text. */
function reference({ table, cpus, entries }: Case): ReadonlyMap<string, string> {
  const { perCpu = 'sum' } = table;
  const sums = new Map<string, { row: number; n: bigint; signed: boolean; scale: number | undefined }>();
  const shows = new Map<string, Map<string, bigint>>();
  const idOf = (name: string, labels: Record<string, string>): string =>
    seriesId({ name, labels: { node: 'n1', bpf_namespace: 'ns', bpf_name: 'b', ...labels } });
  const divisor = perCpu === 'avg' ? BigInt(cpus) : 1n;
  const shown = (n: bigint, signed: boolean, scale: number | undefined): string => {
    const whole = signed ? BigInt.asIntN(64, n) : BigInt.asUintN(64, n);
    if (divisor === 1n && (scale === undefined || scale === 1)) return whole.toString();
    return String(scaled(Number(whole) / Number(divisor), scale));
  };
  const read = (slots: readonly Buffer[], reading: NumberReading, byBytes = 0): bigint => {
    const numbers = slots.map((slot) => numberIn(slot, reading, byBytes));
    const order = numbers.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    if (perCpu === 'max') return order.at(-1) ?? 0n;
    if (perCpu === 'min') return order[0] ?? 0n;
    return numbers.reduce((sum, n) => sum + n, 0n);
  };
  const series = new Map<string, string>();
  for (const [key, value] of entries) {
    const slots = Array.from({ length: cpus }, (_, cpu) => Buffer.from(value).subarray(cpu * words * 8));
    const each = perCpu === 'each' && cpus > 1;
    for (const [cpu, own] of each ? slots.map((slot) => [slot]).entries() : [[undefined, slots] as const]) {
      const labels = { ...labelsOf(table, Buffer.from(key), own), ...(cpu !== undefined && { cpu: String(cpu) }) };
      for (const { family, type, value: reading, scale, elements } of table.metrics) {
        for (let i = 0; i < (elements?.count ?? 1); i++) {
          const extra = elements && { [elements.label ?? 'index']: elements.names?.[i] ?? String(i) };
          const id = idOf(family, { ...labels, ...extra });
          const n = read(own, reading, i * (elements?.strideBytes ?? 0));
          const before = type === 'gauge' ? 0n : (sums.get(id)?.n ?? 0n);
          sums.set(id, { row: i, n: before + n, signed: reading.signed, scale });
        }
      }
      for (const { family, bounds, scale, buckets } of table.histograms ?? []) {
        const elements = buckets.kind === 'slots' ? buckets.elements : undefined;
        for (let e = 0; e < (elements?.count ?? 1); e++) {
          const extra = elements && { [elements.label ?? 'index']: elements.names?.[e] ?? String(e) };
          const id = JSON.stringify([family, { ...labels, ...extra }]);
          const at = e * (elements?.strideBytes ?? 0);
          const found = new Map<string, bigint>();
          if (buckets.kind === 'slots') {
            for (let i = 0; i < buckets.count; i++) {
              const place = String(Math.min(i, bounds.length));
              found.set(
                place,
                (found.get(place) ?? 0n) + read(own, { ...buckets.first }, at + i * buckets.strideBytes),
              );
            }
            if (buckets.sum) found.set('sum', read(own, buckets.sum, at));
            if (buckets.total) found.set('total', read(own, buckets.total, at));
          } else {
            const number = Number(numberIn(Buffer.from(key), buckets.number, 0));
            const place = number === buckets.sumNumber ? 'sum' : String(buckets.numbers.indexOf(number));
            // Other metrics of the table show the entry, so that a histogram of nothing is there as well.
            if (place === '-1' && table.metrics.length === 0 && noOtherTakes(table, key)) continue;
            if (place !== '-1') found.set(place, read(own, buckets.value));
          }
          const all = shows.get(id) ?? new Map<string, bigint>();
          for (const [place, n] of found) all.set(place, (all.get(place) ?? 0n) + n);
          shows.set(id, all);
        }
        for (const id of shows.keys()) {
          const [name, own2] = JSON.parse(id) as [string, Record<string, string>];
          if (name !== family) continue;
          const all = shows.get(id) ?? new Map<string, bigint>();
          let sofar = 0n;
          for (const [i, bound] of [...bounds, Infinity].entries()) {
            sofar = BigInt.asUintN(64, sofar + (all.get(String(i)) ?? 0n));
            const total = BigInt.asUintN(64, all.get('total') ?? 0n);
            if (bound === Infinity && total > sofar) sofar = total;
            const le = bound === Infinity ? '+Inf' : String(bound);
            series.set(idOf(`${name}_bucket`, { ...own2, le }), shown(sofar, false, undefined));
          }
          series.set(idOf(`${name}_count`, own2), shown(sofar, false, undefined));
          const hasSum = buckets.kind === 'slots' ? buckets.sum !== undefined : buckets.sumNumber !== undefined;
          if (hasSum) series.set(idOf(`${name}_sum`, own2), shown(all.get('sum') ?? 0n, false, scale));
        }
      }
    }
  }
  for (const [id, { n, signed, scale }] of sums) series.set(id, shown(n, signed, scale));
  return series;
}

/** Of text in the value, the first CPU that has any says it. */
function labelsOf({ labels }: TablePlan, key: Buffer, slots: readonly Buffer[]): Record<string, string> {
  const shown = labels.map(({ name, from, reading }) => {
    const sources = from === 'key' ? [key] : slots;
    if (reading.kind === 'bits') return [name, numberIn(key, reading, 0).toString()];
    if (reading.kind === 'hex')
      return [name, key.subarray(reading.offsetBytes, reading.offsetBytes + 2).toString('hex')];
    if (reading.kind !== 'text') throw new Error('none here');
    const { offsetBytes, sizeBytes } = reading;
    const texts = sources.map((source) => {
      const bytes = source.subarray(offsetBytes, offsetBytes + sizeBytes);
      return bytes.subarray(0, [...bytes, 0].indexOf(0));
    });
    return [
      name,
      new TextDecoder('utf-8', { ignoreBOM: true }).decode(texts.find((bytes) => bytes.length > 0) ?? Buffer.alloc(0)),
    ];
  });
  return Object.fromEntries(shown);
}

const noOtherTakes = ({ histograms: rows = [] }: TablePlan, key: Uint8Array): boolean =>
  rows.every(({ buckets }) => {
    if (buckets.kind === 'slots') return false;
    const number = Number(numberIn(Buffer.from(key), buckets.number, 0));
    return number !== buckets.sumNumber && !buckets.numbers.includes(number);
  });

function numberIn(bytes: Buffer, reading: NumberReading, byBytes: number): bigint {
  if (reading.kind === 'bits') {
    const { offsetBytes, shift, bitSize, signed } = reading;
    const own = [...bytes.subarray(offsetBytes + byBytes, offsetBytes + byBytes + 9)];
    const shifted = BigInt(`0x${Buffer.from(own.toReversed()).toString('hex')}`) >> BigInt(shift);
    return signed ? BigInt.asIntN(bitSize, shifted) : BigInt.asUintN(bitSize, shifted);
  }
  const { offsetBytes, sizeBytes, signed, bigEndian } = reading;
  const own = [...bytes.subarray(offsetBytes + byBytes, offsetBytes + byBytes + sizeBytes)];
  const number = BigInt(`0x${Buffer.from(bigEndian === true ? own : own.toReversed()).toString('hex')}`);
  return signed ? BigInt.asIntN(sizeBytes * 8, number) : number;
}

test('random declared tables of random maps show what the reference says, each series once', async () => {
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(cases, async (random) => {
      const { exporter } = newExporter();
      const { table, cpus, entries } = random;
      const map = new MemoryMap({ name: 'm', keySizeBytes: 8, valueSizeBytes: words * 8, cpus }, entries);
      const plan = { tables: [table], notes: [] };
      exporter.add({ ref: 'ns/b', namespace: 'ns', name: 'b', createdAt: '', plan, maps: new Map([['m', map]]) });
      const { samples } = parseExposition(await textOf(exporter));
      const expected = reference(random);
      expect(new Map(samples.map((sample) => [seriesId(sample), sample.value]))).toEqual(new Map(expected));
      if (expected.size > 0) compared++;
    }),
    { numRuns: 200 },
  );
  expect(compared).toBeGreaterThan(120);
});
