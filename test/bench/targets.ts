import { once } from 'node:events';
import { copyFileSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { eventually } from '../apiserver/harness/eventually.ts';
import { startProcess } from '../apiserver/harness/owned-process.ts';
import { objectFileOf, type Shape } from './shapes.ts';

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

/** What its configuration says of each shape's key: every label's size and how to read it. */
const exporterLabels: Readonly<Record<Shape['kind'], readonly (readonly [string, number, string])[]>> = {
  ints: [
    ['cgroup', 8, 'uint'],
    ['op', 4, 'uint'],
    ['error', 4, 'uint'],
  ],
  text: [
    ['comm', 16, 'string'],
    ['op', 4, 'uint'],
    ['error', 4, 'uint'],
  ],
  cpus: [['key', 4, 'uint']],
};

/** Where libbpf looks for a map that an object wants pinned by its name. */
const defaultPin = (map: string): string => join('/sys/fs/bpf', map);

/** ebpf_exporter, on the map that is pinned at `pin`, which it finds again by its name. */
export async function startExporter(binary: string, folder: string, shape: Shape, pin: string, map: string) {
  const config = join(folder, `exporter-${map}`);
  mkdirSync(config);
  copyFileSync(objectFileOf(shape, map), join(config, 'bench.bpf.o'));
  const labels = exporterLabels[shape.kind].map(([name, size, reader]) => ({
    name,
    size,
    decoders: [{ name: reader }],
  }));
  // JSON is YAML.
  const counters = [{ name: map, help: `BPF map ${map}.`, labels }];
  writeFileSync(join(config, 'bench.yaml'), JSON.stringify({ metrics: { counters } }));
  const port = await freePort();
  linkSync(pin, defaultPin(map));
  try {
    const log = join(config, 'log');
    const listen = `--web.listen-address=127.0.0.1:${port}`;
    const owned = startProcess(
      'ebpf_exporter',
      binary,
      [`--config.dir=${config}`, '--config.names=bench', listen],
      log,
    );
    await eventually('ebpf_exporter to listen', async () => {
      if (owned.exited !== undefined) throw new Error(`ebpf_exporter ended: ${owned.logTail()}`);
      return (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).ok;
    });
    return {
      name: 'ebpf_exporter',
      port,
      path: '/metrics',
      [Symbol.asyncDispose]: () => owned.kill(),
    } satisfies OwnedTarget;
  } finally {
    rmSync(defaultPin(map));
  }
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
