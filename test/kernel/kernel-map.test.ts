import type { KernelMap } from '../../agent/kernel/kernel-map.ts';
import { type LoadedObject, OpenObject } from '../../agent/kernel/kernel-object.ts';
import type { Libbpf } from '../../agent/libbpf/binding.ts';
import { ENOTSUPP, LibbpfError } from '../../agent/libbpf/check.ts';
import { loadLibbpf } from '../../agent/libbpf/ffi.ts';
import { compileFixture } from './fixture.ts';
import { heldBy } from './held.ts';

const real = loadLibbpf();
/** A kernel before 5.6 in what it answers to a batch; everything else is real. */
const withoutBatch: Libbpf = {
  ...real,
  bpf_map_lookup_batch: () => -ENOTSUPP,
  bpf_map_lookup_batch_async: () => Promise.resolve(-ENOTSUPP),
};
const cpus = real.libbpf_num_possible_cpus();

let objects: LoadedObject[] = [];
async function loadShapes(lib: Libbpf): Promise<LoadedObject> {
  using opened = OpenObject.open(lib, 'shapes', compileFixture('shapes'));
  const object = await opened.load();
  objects.push(object);
  return object;
}
afterEach(() => {
  for (const object of objects) object[Symbol.dispose]();
  objects = [];
});

function mapOf(object: LoadedObject, name: string): KernelMap {
  const map = object.maps.get(name);
  if (map === undefined) throw new Error(`no map ${name}`);
  return map;
}

/** On the event loop, or beside it. */
type How = 'read' | 'readAside';

/** Every entry as `key: value, value of each CPU`, from reads of `capacity`; in order of key. */
async function readAll(map: KernelMap, capacity: number, how: How): Promise<string[]> {
  const keys = Buffer.alloc(capacity * map.keySizeBytes);
  const values = Buffer.alloc(capacity * map.strideBytes);
  const entries: [number, string][] = [];
  const cursor = map.newCursor();
  while (!cursor.done) {
    const count = await map[how](cursor, keys, values, capacity);
    for (let i = 0; i < count; i++) {
      const key = keys.readUInt32LE((i + 1) * map.keySizeBytes - 4);
      const slots = Array.from({ length: map.cpus }, (_, cpu) =>
        values.readBigUInt64LE(i * map.strideBytes + (cpu * map.strideBytes) / map.cpus),
      );
      entries.push([key, `${key}: ${slots.join()}`]);
    }
  }
  return entries.sort(([a], [b]) => a - b).map(([, text]) => text);
}

/** Key i has value i × 3 on CPU 0, and so on up the CPUs. */
const wordOf = (key: number, cpu: number): bigint => BigInt(key * 3 + cpu);
const expected = (keys: number[], mapCpus: number): string[] =>
  keys.map((key) => `${key}: ${Array.from({ length: mapCpus }, (_, cpu) => wordOf(key, cpu)).join()}`);

/** A number, behind the count of bits where the map is a trie. */
function keyOf({ keySizeBytes }: KernelMap, key: number): Buffer {
  const bytes = Buffer.alloc(keySizeBytes);
  bytes.writeUInt32LE(32);
  bytes.writeUInt32LE(key, keySizeBytes - 4);
  return bytes;
}

function write(map: KernelMap, key: number): void {
  const value = Buffer.alloc(map.strideBytes);
  for (let cpu = 0; cpu < map.cpus; cpu++) value.writeBigUInt64LE(wordOf(key, cpu), cpu * 8);
  expect(real.bpf_map_update_elem(map.fd, keyOf(map, key), value, 0)).toBe(0);
}

const between = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

const hashes = ['in_hash', 'in_lru', 'in_percpu_hash', 'in_lru_percpu'];

describe.each<[string, Libbpf, How]>([
  ['in batches', real, 'read'],
  ['in batches, beside the event loop', real, 'readAside'],
  ['one by one, as on an old kernel', withoutBatch, 'read'],
  ['one by one, where it was to be read beside the event loop', withoutBatch, 'readAside'],
])('a map is read %s', (_, lib, how) => {
  test.each([...hashes, 'in_trie'])('%s: exactly what was written', async (name) => {
    const map = mapOf(await loadShapes(lib), name);
    expect(await readAll(map, 64, how)).toEqual([]);
    for (const key of between(0, 1500)) write(map, key);
    for (const capacity of [64, 1499, 1500, 1501, 4096]) {
      expect(await readAll(map, capacity, how)).toEqual(expected(between(0, 1500), map.cpus));
    }
  });

  test.each([...hashes, 'in_trie'])(
    '%s: all of it once, when the key that a read ended at is deleted',
    async (name) => {
      const map = mapOf(await loadShapes(lib), name);
      for (const key of between(0, 1000)) write(map, key);
      const keys = Buffer.alloc(64 * map.keySizeBytes);
      const values = Buffer.alloc(64 * map.strideBytes);
      const cursor = map.newCursor();
      const found: number[] = [];
      // The kernel begins anew where it is asked what follows a key that is gone.
      while (!cursor.done) {
        const count = await map[how](cursor, keys, values, 64);
        const read = between(0, count).map((i) => keys.readUInt32LE((i + 1) * map.keySizeBytes - 4));
        found.push(...read);
        const [last] = read.slice(-1);
        if (last !== undefined) expect(real.bpf_map_delete_elem(map.fd, keyOf(map, last))).toBe(0);
      }
      expect(found.toSorted((a, b) => a - b)).toEqual(between(0, 1000));
    },
  );

  test('a trie with prefixes within prefixes: each once, also where the walk begins anew', async () => {
    const map = mapOf(await loadShapes(lib), 'in_trie');
    const prefixes = new Set<string>();
    const put = (bits: number, address: number): void => {
      const key = Buffer.alloc(8);
      key.writeUInt32LE(bits);
      key.writeUInt32BE(address, 4);
      expect(real.bpf_map_update_elem(map.fd, key, Buffer.alloc(8), 0)).toBe(0);
      prefixes.add(key.toString('hex'));
    };
    put(0, 0);
    for (let bits = 1; bits <= 32; bits++) {
      for (const address of [0, 0xffffffff, 0xaaaaaaaa]) put(bits, (address << (32 - bits)) >>> 0);
    }
    const keys = Buffer.alloc(8 * 7);
    const cursor = map.newCursor();
    const found: string[] = [];
    while (!cursor.done) {
      const count = await map[how](cursor, keys, Buffer.alloc(8 * 7), 7);
      const read = between(0, count).map((i) => keys.toString('hex', i * 8, i * 8 + 8));
      found.push(...read);
      const [last] = read.slice(-1);
      // The kernel begins anew where it is asked what follows a key that is gone.
      if (last !== undefined) expect(real.bpf_map_delete_elem(map.fd, Buffer.from(last, 'hex'))).toBe(0);
    }
    expect(found.sort()).toEqual(Array.from(prefixes).sort());
  });

  test.each(['in_array', 'in_percpu_array'])('%s: every index, written or not', async (name) => {
    const map = mapOf(await loadShapes(lib), name);
    for (const key of [0, 999]) write(map, key);
    const zero = (key: number) => `${key}: ${Array(map.cpus).fill('0').join()}`;
    for (const capacity of [64, 1000, 1001]) {
      const [first, last] = expected([0, 999], map.cpus);
      expect(await readAll(map, capacity, how)).toEqual([first, ...between(1, 999).map(zero), last]);
    }
  });
});

describe('a map', () => {
  test('has the shape that the object gave it', async () => {
    const object = await loadShapes(real);
    const shapes = Array.from(object.maps.values(), (m) => [
      m.name,
      m.type,
      m.keySizeBytes,
      m.valueSizeBytes,
      m.strideBytes,
      m.maxEntries,
    ]);
    expect(shapes).toEqual(
      expect.arrayContaining([
        ['in_hash', 1, 4, 8, 8, 20000],
        ['in_percpu_array', 6, 4, 8, 8 * cpus, 1000],
        ['one_byte', 6, 4, 1, 8 * cpus, 3],
        ['.bss', 2, 4, 8, 8, 1],
        ['.data', 2, 4, 4, 4, 1],
      ]),
    );
  });

  test('of a section starts with the bytes of the object', async () => {
    const map = mapOf(await loadShapes(real), '.data');
    const value = Buffer.alloc(4);
    expect(map.read(map.newCursor(), Buffer.alloc(4), value, 1)).toBe(1);
    expect(value.readInt32LE()).toBe(7);
  });

  test('whose object was closed refuses to be read, whatever its fd is by now', async () => {
    const object = await loadShapes(real);
    const map = mapOf(object, 'in_hash');
    object[Symbol.dispose]();
    const again = await loadShapes(real);
    expect(Array.from(again.maps.values(), ({ fd }) => fd)).toContain(map.fd);
    expect(() => map.read(map.newCursor(), Buffer.alloc(400), Buffer.alloc(800), 100)).toThrow(LibbpfError);
  });

  test('whose object is closed during a read gives that read its own entries, and the next one none', async () => {
    const object = await loadShapes(real);
    const map = mapOf(object, 'in_hash');
    for (const key of between(0, 1500)) write(map, key);
    const keys = Buffer.alloc(4 * 1000);
    const values = Buffer.alloc(8 * 1000);
    const cursor = map.newCursor();
    // The kernel takes batches of it, as is known only after the first.
    const before = map.read(cursor, keys, values, 100);
    const { maps, fds } = heldBy(process.pid);
    const reading = map.readAside(cursor, keys, values, 1000);
    expect(heldBy(process.pid)).toMatchObject({ maps, fds: fds + 1 });
    object[Symbol.dispose]();
    const again = await loadShapes(real);
    expect(Array.from(again.maps.values(), ({ fd }) => fd)).toContain(map.fd);
    const count = await reading;
    expect(before + count).toBeGreaterThan(before);
    for (const i of between(0, count)) {
      expect(values.readBigUInt64LE(i * 8)).toBe(wordOf(keys.readUInt32LE(i * 4), 0));
    }
    await expect(map.readAside(cursor, keys, values, 1000)).rejects.toThrow(LibbpfError);
    expect(heldBy(process.pid)).toMatchObject({ maps, fds });
  });
});
