import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { HistogramRow, LabelPlan, MetricPlan, TablePlan } from '../../bpf/metrics/plan.ts';
import { endOf } from '../../bpf/metrics/plan.ts';
import { messageOf } from '../../runtime/errors.ts';
import { manifestWithObject } from '../../tools/build-manifests.ts';
import { exporterModule } from '../bench/exporter-build.ts';
import { parseExposition } from '../unit/agent/metrics/parse.ts';
import { AgentHome } from './agent-process.ts';
import { callGetpgid } from './events.ts';
import {
  compileExample,
  type ExporterDecoder,
  type ExporterHistogram,
  type ExporterMetric,
  exampleManifest,
  exampleNames,
  exporterConfiguration,
  resolveExample,
} from './exporter-examples.ts';

/**
 * ebpf_exporter's published examples, said in spec.metrics (test/fixtures/ebpf-exporter): against their own objects our
 * manifests are accepted, and come to the bytes, decoders, names and bounds that their own configurations say.
 */
const module = await exporterModule().catch((thrown: unknown) => new Error(messageOf(thrown)));
// Without Go, or without its module proxy, there is nothing to compare with; in CI that is a failure.
const testWithModule = typeof module === 'string' ? test : test.skip;
const folder = typeof module === 'string' ? module : '';

/** Examples that no manifest can say, and why. */
const notSaid: Readonly<Record<string, string>> = {
  'bio-trace': 'spans',
  'cfs-throttling-trace': 'spans',
  'exec-trace': 'spans',
  'sched-trace': 'spans',
  'sock-trace': 'spans',
  oomkill: 'a perf buffer',
  cgroup_id_map: 'a map that tells cgroups apart',
  cgroup_id_map_cgrp_storage: 'a map that tells cgroups apart',
};

/** Where we say it otherwise, and mean to. */
const isGauge: ReadonlySet<string> = new Set(['bpf_jit_pages_currently_allocated']);
const namedByKernel: ReadonlySet<string> = new Set(['kfree_skb_total.reason']);

testWithModule('every example is said, or there is a reason why not', () => {
  const theirs = readdirSync(join(folder, 'examples')).flatMap((file) => /^(.*)\.yaml$/.exec(file)?.[1] ?? []);
  expect([...exampleNames, ...Object.keys(notSaid)].sort()).toEqual(theirs.sort());
});

testWithModule.each(exampleNames)('%s: our manifest means what its configuration means', (name) => {
  const resolution = resolveExample(folder, name);
  if (!resolution.ok) throw new Error(resolution.message);
  const { plan, warnings } = resolution.revision;
  expect(warnings).toEqual([]);
  const { counters, histograms } = exporterConfiguration(folder, name);
  const families = [...counters, ...histograms].map((metric) => `ebpf_exporter_${metric.name}`);
  expect(familiesOf(plan).sort()).toEqual(families.sort());
  for (const counter of counters) expect(ourCounter(plan, counter)).toEqual(theirCounter(counter));
  for (const histogram of histograms) expect(ourHistogram(plan, histogram)).toEqual(theirHistogram(histogram));
});

/** Examples whose hooks are on every kernel with BTF, and what they count there happens without our doing. */
const everywhere = ['kfree_skb', 'percpu-softirq', 'raw-tracepoints', 'softirq-latency', 'syscalls', 'timers'];

testWithModule(
  'those whose hooks every kernel has run beside each other, with the labels of their configurations',
  async () => {
    await using home = new AgentHome();
    for (const name of everywhere) {
      home.write(`${name}.yaml`, manifestWithObject(exampleManifest(name), compileExample(folder, name)));
    }
    const agent = await home.start();
    await agent.until('bpf_agent_programs{node="n1",state="ready"}', `${everywhere.length}`);
    callGetpgid(10);
    for (const name of everywhere) {
      const { counters, histograms } = exporterConfiguration(folder, name);
      const wanted = new Map<string, readonly string[]>([
        ...counters.map(
          (metric) => [`ebpf_exporter_${metric.name}`, metric.labels.map((label) => label.name)] as const,
        ),
        ...histograms.flatMap(({ name: family, labels }) => {
          const own = labels.slice(0, -1).map((label) => label.name);
          return ['bucket', 'sum', 'count'].map(
            (part) => [`ebpf_exporter_${family}_${part}`, part === 'bucket' ? [...own, 'le'] : own] as const,
          );
        }),
      ]);
      const common = ['node', 'bpf_namespace', 'bpf_name'];
      const { samples } = parseExposition(await agent.metrics(`?bpf=default/${name.replaceAll('_', '-')}`));
      for (const sample of samples) {
        expect([sample.name, Object.keys(sample.labels).toSorted()]).toEqual([
          sample.name,
          [...common, ...(wanted.get(sample.name) ?? [])].toSorted(),
        ]);
      }
      // Nothing may have been dropped meanwhile; timers and system calls there always are.
      if (name !== 'kfree_skb') expect(samples.length).toBeGreaterThan(0);
    }
    expect(
      Number(
        await agent.value(
          'ebpf_exporter_syscalls_total{bpf_name="syscalls",bpf_namespace="default",node="n1",syscall="getpgid"}',
        ),
      ),
    ).toBeGreaterThanOrEqual(10);
  },
  60_000,
);

const familiesOf = ({ tables }: MetricPlan): string[] =>
  tables.flatMap(({ metrics, histograms = [] }) => [...metrics, ...histograms].map(({ family }) => family));

function tableOf({ tables }: MetricPlan, { name }: ExporterMetric): TablePlan {
  const table = tables.find((one) => familiesOf({ tables: [one], notes: [] }).includes(`ebpf_exporter_${name}`));
  if (table === undefined) throw new Error(`nothing exports ${name}`);
  return table;
}

/** A u64 at the start of the value. */
const wholeValue = { kind: 'int', offsetBytes: 0, sizeBytes: 8, signed: false };

/** Its labels with the place of each in the key, which follow each other. */
function placed({ labels }: ExporterMetric): readonly (ExporterMetric['labels'][number] & { readonly at: number })[] {
  let at = 0;
  return labels.map((label) => {
    const own = { ...label, at };
    at += label.size + label.padding;
    return own;
  });
}

/** A label cpu of two bytes at the end is in no key: it asks for a series of each CPU. */
const isCpu = ({ name, size }: { readonly name: string; readonly size: number }): boolean =>
  name === 'cpu' && size === 2;

function theirCounter(metric: ExporterMetric): object {
  const labels = placed(metric);
  return {
    map: metric.name,
    type: isGauge.has(metric.name) ? 'gauge' : 'counter',
    value: wholeValue,
    each: labels.some(isCpu),
    labels: labels.filter((label) => !isCpu(label)).map((label) => theirLabel(metric, label)),
  };
}

function ourCounter(plan: MetricPlan, metric: ExporterMetric): object {
  const table = tableOf(plan, metric);
  const row = table.metrics.find(({ family }) => family === `ebpf_exporter_${metric.name}`);
  expect(row?.scale).toBeUndefined();
  expect(row?.elements).toBeUndefined();
  return {
    map: table.map,
    type: row?.type,
    value: row?.value,
    each: table.perCpu === 'each',
    labels: ourLabels(table, placed(metric)),
  };
}

function theirHistogram(histogram: ExporterHistogram): object {
  const { bucket_type: kind, bucket_min: min, bucket_max: max, bucket_multiplier: multiplier } = histogram;
  const numbers = Array.from({ length: max - min + 1 }, (_, i) => min + i);
  const unscaled = {
    exp2: (n: number) => 2 ** n,
    exp2zero: (n: number) => (n === 0 ? 0 : 2 ** (n - 1)),
    linear: (n: number) => n,
  };
  const labels = placed(histogram);
  return {
    map: histogram.name,
    bounds: numbers.map((n) => expect.closeTo(unscaled[kind](n) * multiplier, 12) as number),
    numbers,
    sumNumber: max + 1,
    value: wholeValue,
    bucketAt: labels.at(-1)?.at,
    labels: labels.slice(0, -1).map((label) => theirLabel(histogram, label)),
  };
}

function ourHistogram(plan: MetricPlan, histogram: ExporterHistogram): object {
  const table = tableOf(plan, histogram);
  const row: HistogramRow | undefined = table.histograms?.find(
    ({ family }) => family === `ebpf_exporter_${histogram.name}`,
  );
  if (row?.buckets.kind !== 'key') throw new Error(`${histogram.name} has no buckets in its key`);
  const { numbers, sumNumber, value, number } = row.buckets;
  const theirs = placed(histogram);
  expect(endOf(number)).toBeLessThanOrEqual((theirs.at(-1)?.at ?? 0) + (theirs.at(-1)?.size ?? 0));
  return {
    map: table.map,
    bounds: row.bounds,
    numbers,
    sumNumber,
    value,
    bucketAt: number.offsetBytes,
    labels: ourLabels(table, theirs),
  };
}

/** What is read from where, and the decoders behind `uint` and `string`, which our reading does by itself. */
function theirLabel(metric: ExporterMetric, { name, at, decoders }: ReturnType<typeof placed>[number]): object {
  const [first] = decoders;
  const isNumber = first?.name === 'uint';
  const isText = first?.name === 'string';
  const rest = isNumber || isText ? decoders.slice(1) : decoders;
  const named = namedByKernel.has(`${metric.name}.${name}`);
  return { name, at, as: isNumber ? 'number' : isText ? 'text' : 'bytes', decoders: named ? ['enum'] : rest.map(told) };
}

const told = ({ name, static_map: map, allow_unknown: allowUnknown, regexps }: ExporterDecoder): unknown =>
  JSON.parse(JSON.stringify({ name, map, allowUnknown, regexps }));

function ourLabels({ labels }: TablePlan, theirs: ReturnType<typeof placed>): object[] {
  return labels.map(({ name, from, reading, decoders = [] }) => {
    const their = theirs.find((label) => label.name === name);
    const at = reading.kind === 'enum' ? reading.number.offsetBytes : reading.offsetBytes;
    // Of a label that is wider than its member, the rest is padding.
    expect({ from, isInside: endOf(reading) <= at + (their?.size ?? 0) }).toEqual({ from: 'key', isInside: true });
    return { name, at, as: asOf(reading, their?.decoders ?? []), decoders: decoders.map(decoderOf) };
  });
}

/** A number, text, or bytes as they are; where their first decoder takes bytes, any reading of ours gives them. */
function asOf(reading: LabelPlan['reading'], theirs: readonly ExporterDecoder[]): string {
  const [first] = theirs;
  if (first?.name !== 'uint' && first?.name !== 'string') return 'bytes';
  return { int: 'number', bits: 'number', enum: 'number', text: 'text', hex: 'bytes' }[reading.kind];
}

const decoderOf = (decoder: NonNullable<LabelPlan['decoders']>[number]): unknown =>
  decoder.name === 'enum' ? 'enum' : decoder;
