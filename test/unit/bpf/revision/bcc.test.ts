import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { metricPlan } from '../../../../bpf/metrics/metric-plan.ts';
import type { MetricPlan } from '../../../../bpf/metrics/plan.ts';
import { configure } from '../../../../bpf/revision/configure.ts';
import { templateOf } from '../../../../bpf/revision/template.ts';
import { bpfSchema } from '../../../../crds/bpf.ts';
import { readManifest } from '../../../../crds/read-manifest.ts';
import { bccObject, bccTools } from '../../../fixtures/bcc-objects.ts';

/** The tools of bcc whose results are in maps or globals, each said in a manifest (test/fixtures/bcc). */
const folder = join(import.meta.dirname, '../../../fixtures/bcc');

/** Of each series its labels and scale; of a histogram the first two bounds and the last, and what else is read. */
const expected: Readonly<Record<string, readonly string[]>> = {
  biolatency: ['bpf_block_io_latency_seconds{disk} le 0.000001 0.000003 … 67.108863'],
  bitesize: ['bpf_block_io_size_bytes{comm} le 1024 3072 … 536869888'],
  biopattern: [
    'bpf_block_io_bytes_total{disk}',
    'bpf_block_io_sequential_total{disk}',
    'bpf_block_io_random_total{disk}',
  ],
  biotop: [
    'bpf_block_io_bytes_total{comm,major,minor,op}',
    'bpf_block_io_seconds_total{comm,major,minor,op} × 0.000001',
    'bpf_block_ios_total{comm,major,minor,op}',
  ],
  cachestat: ['bpf_page_cache_accesses{}', 'bpf_page_cache_misses{}', 'bpf_page_cache_buffers_dirtied{}'],
  cpudist: ['bpf_on_cpu_seconds{comm} le 0.000001 0.000003 … 34359.738367'],
  cpufreq: [
    'bpf_cpu_frequency_hertz{} le 199000000 399000000 … 4999000000',
    'bpf_process_cpu_frequency_hertz{comm} le 199000000 399000000 … 4999000000',
  ],
  fsdist: ['bpf_file_operation_seconds{op} le 0.000001 0.000003 … 2147.483647'],
  funclatency: ['bpf_function_seconds{} le 1e-9 3e-9 … 0.016777215'],
  hardirqs: ['bpf_hardirqs_total{irq}', 'bpf_hardirq_seconds_total{irq} × 1e-9', 'bpf_hardirq_max_seconds{irq} × 1e-9'],
  llcstat: ['bpf_llc_references_total{cpu,comm}', 'bpf_llc_misses_total{cpu,comm}'],
  numamove: ['bpf_numa_migrations_total{}', 'bpf_numa_migration_seconds_total{} × 0.001'],
  readahead: [
    'bpf_readahead_pages_total{}',
    'bpf_readahead_unused_pages{}',
    'bpf_readahead_use_seconds{} le 0.001 0.003 … 524.287',
  ],
  runqlat: ['bpf_run_queue_wait_seconds{comm} le 0.000001 0.000003 … 33.554431'],
  runqlen: ['bpf_run_queue_length{cpu} le 0 1 … 30'],
  slabratetop: ['bpf_slab_allocations_total{cache}', 'bpf_slab_allocated_bytes_total{cache}'],
  softirqs: [
    'bpf_softirqs_total{vector}',
    'bpf_softirq_seconds_total{vector} × 1e-9',
    'bpf_softirq_seconds{vector} le 1e-9 3e-9 … 0.000524287',
  ],
  syscount: ['bpf_syscalls_total{syscall}', 'bpf_syscall_seconds_total{syscall} × 1e-9'],
  tcpconnect: ['bpf_tcp_connects_ipv4_total{source,peer,port}', 'bpf_tcp_connects_ipv6_total{source,peer,port}'],
  tcprtt: ['bpf_tcp_round_trip_seconds{} le 0.000001 0.000003 … 67.108863, sum, count'],
  tcpsynbl: ['bpf_tcp_syn_backlog{max} le 1 3 … 2147483647'],
  tcptop: ['bpf_tcp_sent_bytes_total{comm,local,remote}', 'bpf_tcp_received_bytes_total{comm,local,remote}'],
  vfsstat: ['bpf_vfs_calls_total{op}'],
};

function planOf(tool: string): { plan: MetricPlan; warnings: readonly string[] } {
  const read = readManifest(bpfSchema, parse(readFileSync(join(folder, `${tool}.yaml`), 'utf8')));
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const template = templateOf(read.value.spec);
  const configured = configure(bccObject(tool), template);
  if (!configured.ok) throw new Error(configured.message);
  const { plan, faults } = metricPlan(configured.object, template?.metrics);
  expect(faults).toEqual([]);
  return { plan, warnings: configured.warnings };
}

function summary({ tables }: MetricPlan): string[] {
  return tables.flatMap(({ labels, metrics, histograms = [] }) => {
    const names = labels.map(({ name }) => name);
    const withIndex = (elements: { readonly label?: string } | undefined) =>
      `{${[...names, ...(elements === undefined ? [] : [elements.label ?? 'index'])].join()}}`;
    return [
      ...metrics.map(
        ({ family, elements, scale }) => `${family}${withIndex(elements)}${scale === undefined ? '' : ` × ${scale}`}`,
      ),
      ...histograms.map(({ family, bounds, buckets }) => {
        const slots = buckets.kind === 'slots' ? buckets : undefined;
        const le = `le ${bounds.slice(0, 2).join(' ')} … ${bounds.at(-1)}`;
        return `${family}${withIndex(slots?.elements)} ${le}${slots?.sum ? ', sum' : ''}${slots?.total ? ', count' : ''}`;
      }),
    ];
  });
}

test('there is a manifest for each of the tools', () => {
  expect(readdirSync(folder).map((file) => file.slice(0, -'.yaml'.length))).toEqual(bccTools.toSorted());
});

test.each(bccTools)('%s is accepted, counts nothing twice, and comes to these series', (tool) => {
  const { plan, warnings } = planOf(tool);
  expect(warnings).toEqual([]);
  expect(summary(plan)).toEqual(expected[tool]);
});
