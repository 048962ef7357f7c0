import { fileURLToPath } from 'node:url';
import type { Libbpf } from '../../agent/libbpf/binding.ts';
import { checkInt } from '../../agent/libbpf/check.ts';
import { compileBpf, compileBpfFile } from '../fixtures/compile.ts';

/** What is in a map of the benchmark: how its keys look, and how many there are. */
export interface Shape {
  readonly title: string;
  /** As `scrape.c` calls it. */
  readonly kind: 'ints' | 'text' | 'cpus' | 'slots';
  readonly entries: number;
  /** At most so many times the C program's time is what the issue wants. */
  readonly wantedOfC: number | undefined;
  /** The agent's spec.metrics for a map of this name; without it, all that BTF says is exported. */
  readonly metrics?: (map: string) => object;
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

/** Slots of a histogram; the last counts what is larger than all bounds, and stays empty here. */
export const slots = 27;

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
    metrics: () => ({ maxSeries: 200_000, expireAfter: '10m' }),
    wantedOfC: 1.6,
    wantedOfExporter: 1,
  },
  { title: 'per-CPU array 1,000', kind: 'cpus', entries: 1_000, wantedOfC: undefined, wantedOfExporter: 1 },
  {
    title: 'histograms 1,000 × 27 slots',
    kind: 'slots',
    entries: 1_000,
    metrics: (map) => ({
      series: [{ name: map, map, histogram: { kind: 'slots', field: 'slots', bucketOf: 'ceilLog2', sumField: 'sum' } }],
    }),
    wantedOfC: undefined,
    wantedOfExporter: 1,
  },
];

/** Lines that a shape's map makes: of a histogram its buckets, sum and count. */
export const linesOf = ({ kind, entries }: Shape): number => (kind === 'slots' ? entries * (slots + 2) : entries);

const source = fileURLToPath(new URL('./scrape.bpf.c', import.meta.url));
const define = { ints: 'KEY_INTS', text: 'KEY_TEXT', cpus: 'PER_CPU', slots: 'SLOTS' } as const;
const flags = (what: string, entries: number, map: string) => ({
  flags: [`-D${what}`, `-DENTRIES=${entries}`, `-DNAME=${map}`],
});

/** The object with this shape of map, called `map`. */
export const objectOf = (shape: Shape, map: string): Uint8Array =>
  compileBpf(source, flags(define[shape.kind], shape.entries, map));

/** The same as a file for ebpf_exporter: its histograms are a key for each bucket. */
export const exporterObjectFile = ({ kind, entries }: Shape, map: string): string =>
  kind === 'slots'
    ? compileBpfFile(source, flags('BUCKETS', entries * slots, map))
    : compileBpfFile(source, flags(define[kind], entries, map));

/** Writes the map's entries number `from` to `to`, each with a key and a value of its own. */
export function fill(lib: Libbpf, pin: string, shape: Shape, from = 0, to = shape.entries): void {
  const value = Buffer.alloc(shape.kind === 'cpus' ? 8 * lib.libbpf_num_possible_cpus() : valueBytes);
  eachKey(lib, pin, shape, from, to, (fd, key, i) => {
    if (shape.kind === 'slots') {
      for (let slot = 0; slot < slots; slot++) value.writeUInt32LE(slotOf(i, slot), slot * 4);
      value.writeBigUInt64LE(numberOf(i), slotsBytes);
    } else {
      for (let at = 0; at < value.length; at += 8) value.writeBigUInt64LE(numberOf(i), at);
    }
    checkInt(lib, 'bpf_map_update_elem', pin, lib.bpf_map_update_elem(fd, key, value, 0));
  });
}

/** The histograms of `slots` as ebpf_exporter has them: a key for each bucket, and the sum behind the last. */
export function fillBuckets(lib: Libbpf, pin: string, shape: Shape): void {
  const value = Buffer.alloc(8);
  eachKey(lib, pin, shape, 0, shape.entries, (fd, key, i) => {
    for (let bucket = 0; bucket < slots; bucket++) {
      key.writeUInt32LE(bucket, 16);
      value.writeBigUInt64LE(bucket === slots - 1 ? numberOf(i) : BigInt(slotOf(i, bucket)));
      checkInt(lib, 'bpf_map_update_elem', pin, lib.bpf_map_update_elem(fd, key, value, 0));
    }
  });
}

/** Entry i's value: numbers of one to ten digits, as counters have. */
export const numberOf = (i: number): bigint => BigInt((i * 7919 * (i % 97)) % 4_000_000_007);
const slotOf = (i: number, slot: number): number => (slot === slots - 1 ? 0 : (i * 7919 + slot * 31) % 1_009);
/** scrape.bpf.c's `value_t` with SLOTS: the sum is aligned to 8 bytes. */
const slotsBytes = Math.ceil((slots * 4) / 8) * 8;
const valueBytes = slotsBytes + 8;

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
  const write = shape.kind === 'slots' ? writeKey.ints : writeKey[shape.kind];
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
const writeKey: Readonly<Record<Exclude<Shape['kind'], 'slots'>, (key: Buffer, i: number) => void>> = {
  ints: (key, i) => {
    const { cgroup, op, error } = intsOf(i);
    key.writeBigUInt64LE(BigInt(cgroup));
    key.writeUInt32LE(op, 8);
    key.writeUInt32LE(error, 12);
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

/** What entry i's labels read where its key is three integers. */
export const intsOf = (i: number) => ({ cgroup: 4_000 + Math.floor(i / 100) * 37, op: i % 100, error: i % 7 });
