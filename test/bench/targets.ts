import { once } from 'node:events';
import { copyFileSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { loadLibbpf } from '../../agent/libbpf/ffi.ts';
import { eventually } from '../apiserver/harness/eventually.ts';
import { startProcess } from '../apiserver/harness/owned-process.ts';
import { exporterObjectFile, fillBuckets, type Shape, slots } from './shapes.ts';

/** Something that serves the benchmark's map as text, on loopback. */
export interface Target {
  readonly name: string;
  readonly port: number;
  readonly path: string;
}

export interface OwnedTarget extends Target, AsyncDisposable {}

/** The C program, on the map that is pinned at `pin`. */
export async function startC(binary: string, folder: string, shape: Shape, pin: string, map: string) {
  const log = join(folder, `c-${map}.log`);
  const owned = startProcess('scrape', binary, [shape.kind, pin, `bpf_${map}`, 'bench'], log);
  const port = await eventually('the C program to listen', () => {
    if (owned.exited !== undefined) throw new Error(`scrape ended: ${owned.logTail()}`);
    return Number(/^\d+$/m.exec(readFileSync(log, 'utf8'))?.[0]) || undefined;
  });
  return { name: 'C', port, path: '/', [Symbol.asyncDispose]: () => owned.kill() } satisfies OwnedTarget;
}

type ExporterLabel = readonly [name: string, size: number, decoder: string, padding?: number];
const ints: readonly ExporterLabel[] = [
  ['cgroup', 8, 'uint'],
  ['op', 4, 'uint'],
  ['error', 4, 'uint'],
];

/** What its configuration says of each shape's key: every label's size, how to read it, and what follows it. */
const exporterLabels: Readonly<Record<Shape['kind'], readonly ExporterLabel[]>> = {
  ints,
  text: [
    ['comm', 16, 'string'],
    ['op', 4, 'uint'],
    ['error', 4, 'uint'],
  ],
  cpus: [['key', 4, 'uint']],
  slots: [...ints, ['bucket', 4, 'uint', 4]],
};

/** Its configuration of a map of this shape. */
function exporterMetrics({ kind }: Shape, map: string): object {
  const labels = exporterLabels[kind].map(([name, size, reader, padding = 0]) => ({
    name,
    size,
    padding,
    decoders: [{ name: reader }],
  }));
  const metric = { name: map, help: `BPF map ${map}.`, labels };
  // Behind the last bucket of a bound, which is 2^bucket_max, it wants the sum.
  const buckets = { bucket_type: 'exp2', bucket_min: 0, bucket_max: slots - 2 };
  return kind === 'slots' ? { histograms: [{ ...metric, ...buckets }] } : { counters: [metric] };
}

/** Where libbpf looks for a map that an object wants pinned by its name. */
const defaultPin = (map: string): string => join('/sys/fs/bpf', map);

/**
 * ebpf_exporter, on the map that is pinned at `pin`, which it finds again by its name. Histograms, which it keeps in
 * another shape, are in a map of its own, written here.
 */
export async function startExporter(binary: string, folder: string, shape: Shape, pin: string, map: string) {
  const config = join(folder, `exporter-${map}`);
  mkdirSync(config);
  writeExporterConfig(config, 'bench', shape, map);
  if (shape.kind !== 'slots') linkSync(pin, defaultPin(map));
  try {
    const target = await runExporter(binary, config, 'bench');
    if (shape.kind === 'slots') fillBuckets(loadLibbpf(), defaultPin(map), shape);
    return target;
  } finally {
    rmSync(defaultPin(map), { force: true });
  }
}

function writeExporterConfig(folder: string, name: string, shape: Shape, map: string): void {
  copyFileSync(exporterObjectFile(shape, map), join(folder, `${name}.bpf.o`));
  writeFileSync(join(folder, `${name}.yaml`), JSON.stringify({ metrics: exporterMetrics(shape, map) })); // JSON is YAML
}

/** ebpf_exporter, with a configuration for each of these maps, all of them empty. */
export async function startEmptyExporter(binary: string, folder: string, shape: Shape, maps: readonly string[]) {
  for (const map of maps) writeExporterConfig(folder, map, shape, map);
  try {
    return await runExporter(binary, folder, maps.join());
  } finally {
    for (const map of maps) rmSync(defaultPin(map), { force: true });
  }
}

export interface ExporterTarget extends OwnedTarget {
  readonly pid: number;
}

/**
 * ebpf_exporter with one configuration of a folder, or several (`a,b`), once it listens, which is when its programs are
 * attached.
 */
export async function runExporter(binary: string, folder: string, name: string): Promise<ExporterTarget> {
  const port = await freePort();
  const listen = `--web.listen-address=127.0.0.1:${port}`;
  const args = [`--config.dir=${folder}`, `--config.names=${name}`, listen];
  const owned = startProcess('ebpf_exporter', binary, args, join(folder, `${name}.log`));
  await eventually('ebpf_exporter to listen', async () => {
    if (owned.exited !== undefined) throw new Error(`ebpf_exporter ended: ${owned.logTail()}`);
    return (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).ok;
  });
  const { pid } = owned;
  return { name: 'ebpf_exporter', port, path: '/metrics', pid, [Symbol.asyncDispose]: () => owned.kill() };
}

/** For a server that must be told its port. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('listen: no port');
  return address.port;
}
