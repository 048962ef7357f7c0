import { fileURLToPath } from 'node:url';
import type { Libbpf } from '../../agent/libbpf/binding.ts';
import { checkInt } from '../../agent/libbpf/check.ts';
import { compileBpf, compileBpfFile } from '../fixtures/compile.ts';

/** What is in a map of the benchmark: how its keys look, and how many there are. */
export interface Shape {
  readonly title: string;
  /** As `scrape.c` calls it. */
  readonly kind: 'ints' | 'text' | 'cpus';
  readonly entries: number;
  /** At most so many times the C program's time is what the issue wants. */
  readonly wantedOfC: number | undefined;
  /** The agent's spec.metrics; without it, all that BTF says is exported. */
  readonly metrics?: object;
  /** ebpf_exporter's time should be at least so many times ours. */
  readonly wantedOfExporter: number;
}

const ints = (entries: number, wantedOfC: number, wantedOfExporter: number): Shape => ({
  title: `hash ${entries.toLocaleString('en')}`,
  kind: 'ints',
  entries,
  wantedOfC,
  wantedOfExporter,
});

export const largest = ints(100_000, 1.25, 25);

export const shapes: readonly Shape[] = [
  ints(100, 4.5, 1),
  ints(1_000, 3, 1),
  ints(10_000, 1.5, 1),
  largest,
  { title: 'char[16] 100,000', kind: 'text', entries: 100_000, wantedOfC: undefined, wantedOfExporter: 1 },
  {
    title: '  with limit and expiry',
    kind: 'text',
    entries: 100_000,
    metrics: { maxSeries: 200_000, expireAfter: '10m' },
    wantedOfC: 1.6,
    wantedOfExporter: 1,
  },
  { title: 'per-CPU array 1,000', kind: 'cpus', entries: 1_000, wantedOfC: undefined, wantedOfExporter: 1 },
];

const source = fileURLToPath(new URL('./scrape.bpf.c', import.meta.url));
const define = { ints: 'KEY_INTS', text: 'KEY_TEXT', cpus: 'PER_CPU' } as const;
const compileOptions = (shape: Shape, map: string) => ({
  flags: [`-D${define[shape.kind]}`, `-DENTRIES=${shape.entries}`, `-DNAME=${map}`],
});

/** The object with this shape of map, called `map`. */
export const objectOf = (shape: Shape, map: string): Uint8Array => compileBpf(source, compileOptions(shape, map));
export const objectFileOf = (shape: Shape, map: string): string => compileBpfFile(source, compileOptions(shape, map));

/** Writes the map's entries number `from` to `to`, each with a key and a value of its own. */
export function fill(lib: Libbpf, pin: string, shape: Shape, from = 0, to = shape.entries): void {
  eachKey(lib, pin, shape, from, to, (fd, key, i) => {
    const cpus = shape.kind === 'cpus' ? lib.libbpf_num_possible_cpus() : 1;
    const value = Buffer.alloc(8 * cpus);
    // Numbers of one to ten digits, as counters have.
    for (let cpu = 0; cpu < cpus; cpu++) value.writeBigUInt64LE(BigInt((i * 7919 * (i % 97)) % 4_000_000_007), cpu * 8);
    checkInt(lib, 'bpf_map_update_elem', pin, lib.bpf_map_update_elem(fd, key, value, 0));
  });
}

/** Deletes the entries number `from` to `to`. */
export function empty(lib: Libbpf, pin: string, shape: Shape, from: number, to: number): void {
  eachKey(lib, pin, shape, from, to, (fd, key) => {
    checkInt(lib, 'bpf_map_delete_elem', pin, lib.bpf_map_delete_elem(fd, key));
  });
}

function eachKey(
  lib: Libbpf,
  pin: string,
  shape: Shape,
  from: number,
  to: number,
  visit: (fd: number, key: Buffer, i: number) => void,
): void {
  const fd = checkInt(lib, 'bpf_obj_get', pin, lib.bpf_obj_get(pin));
  const write = writeKey[shape.kind];
  const key = Buffer.alloc(24);
  try {
    for (let i = from; i < to; i++) {
      write(key, i);
      visit(fd, key, i);
    }
  } finally {
    lib.close(fd);
  }
}

/** Entry i's key. Cgroup ids and names repeat as in life: some hundred keys each. */
const writeKey: Readonly<Record<Shape['kind'], (key: Buffer, i: number) => void>> = {
  ints: (key, i) => {
    key.writeBigUInt64LE(BigInt(4_000 + Math.floor(i / 100) * 37));
    key.writeUInt32LE(i % 100, 8);
    key.writeUInt32LE(i % 7, 12);
  },
  text: (key, i) => {
    key.fill(0);
    key.write(`kworker/${Math.floor(i / 100)}`);
    key.writeUInt32LE(i % 100, 16);
    key.writeUInt32LE(i % 7, 20);
  },
  cpus: (key, i) => {
    key.writeUInt32LE(i);
  },
};
