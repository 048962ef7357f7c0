import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OpenObject } from '../../agent/kernel/kernel-object.ts';
import type { Libbpf } from '../../agent/libbpf/binding.ts';
import { ENOTSUPP } from '../../agent/libbpf/check.ts';
import { loadLibbpf } from '../../agent/libbpf/ffi.ts';
import { zeroConfig } from '../../bpf/metrics/zero-config.ts';
import { readObject } from '../../bpf/object/read-object.ts';
import { newExporter, textOf } from '../unit/agent/metrics/exporting.ts';
import { compileFixture } from './fixture.ts';
import { type MapShape, NumberedMap } from './numbered-map.ts';

/**
 * Each kind of map that is exported, written from user space and scraped while another process inserts and deletes other
 * keys in it. What nobody touches must be in every scrape once, with its number.
 */
const kinds: readonly (readonly [map: string, shape: MapShape])[] = [
  ['in_hash', 'plain'],
  ['in_lru', 'plain'],
  ['in_percpu_hash', 'per-CPU'],
  ['in_lru_percpu', 'per-CPU'],
  ['in_array', 'array'],
  ['in_percpu_array', 'per-CPU array'],
  ['in_trie', 'trie'],
];

const real = loadLibbpf();
const withoutBatch: Libbpf = {
  ...real,
  bpf_map_lookup_batch: () => -ENOTSUPP,
  bpf_map_lookup_batch_async: () => Promise.resolve(-ENOTSUPP),
};
const object = compileFixture('shapes');
const pinFolder = `/sys/fs/bpf/kube-bpf-churn-${process.pid}`;
const scrapes = 15;

const between = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
/** An array has 1,000 entries. Others have untouched keys in front of and behind those that come and go. */
const keysOf = (shape: MapShape) =>
  shape.endsWith('array')
    ? { still: between(0, 400), from: 400, to: 1000 }
    : { still: [...between(0, 1500), ...between(30_000, 31_500)], from: 10_000, to: 14_000 };

describe.each([
  ['in batches', real],
  ['one by one, as on an old kernel', withoutBatch],
])('read %s', (_, lib) => {
  test.each(kinds)('%s: scraped exactly while other keys come and go', async (name, shape) => {
    using opened = OpenObject.open(lib, 'shapes', object);
    mkdirSync(pinFolder);
    const pin = `${pinFolder}/${name}`;
    opened
      .maps()
      .find((map) => map.name === name)
      ?.pinAt(pin);
    using loaded = await opened.load();
    const fd = loaded.maps.get(name)?.fd;
    if (fd === undefined) throw new Error(`no map ${name}`);
    const map = new NumberedMap(real, fd, shape);
    const { still, from, to } = keysOf(shape);
    for (const i of still) map.insert(i);
    const { exporter, notebook } = newExporter();
    const { plan } = zeroConfig(readObject(object));
    const tables = plan.tables.filter((table) => table.map === name);
    exporter.add({
      ref: 'd/b',
      namespace: 'd',
      name: 'b',
      createdAt: '',
      plan: { ...plan, tables },
      maps: loaded.maps,
    });

    const script = fileURLToPath(new URL('./churn.ts', import.meta.url));
    const churn = fork(script, [pin, shape, String(from), String(to)], { execArgv: [] });
    try {
      const operations = async (): Promise<number> => {
        churn.send('count');
        const [count] = await once(churn, 'message');
        return count;
      };
      let seen = await operations();
      for (let scrape = 0; scrape < scrapes; scrape++) {
        const rows = rowsOf(await textOf(exporter), shape);
        const untouched = rows.filter(([i]) => i < from || i >= to);
        expect(untouched.toSorted(([a], [b]) => a - b)).toEqual(still.map((i) => [i, map.exported(i)]));
        expect(new Set(rows.map(([i]) => i)).size).toBe(rows.length);
        const before = seen;
        seen = await operations();
        expect(seen).toBeGreaterThan(before);
      }
      expect(notebook.lines.filter((line) => line.startsWith('failed') || line.startsWith('cut'))).toEqual([]);
    } finally {
      churn.kill('SIGKILL');
      rmSync(pinFolder, { recursive: true });
    }
  });
});

/** The key's number and the series' value, line by line. */
function rowsOf(text: string, shape: MapShape): [number, bigint][] {
  const key = shape === 'trie' ? /address="([0-9a-f]{8})"/ : /key="(\d+)"/;
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => [
      Number.parseInt(key.exec(line)?.[1] ?? '', shape === 'trie' ? 16 : 10),
      BigInt(line.slice(line.lastIndexOf(' ') + 1)),
    ]);
}
