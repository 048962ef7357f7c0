import { Batch } from '../../../../agent/metrics/read-map.ts';
import { MemoryMap } from '../../../fakes/memory-map.ts';

const numbered = (count: number, sizes: { keySizeBytes: number; valueSizeBytes: number; cpus?: number }): MemoryMap => {
  const map = new MemoryMap({ name: 'm', ...sizes, maxEntries: count }, []);
  map.entries = Array.from({ length: count }, (_, i) => {
    const key = Buffer.alloc(map.keySizeBytes);
    key.writeUInt32LE(i);
    const value = Buffer.alloc(map.strideBytes);
    value.writeUInt32LE(i, map.strideBytes - 4);
    return [key, value] as const;
  });
  return map;
};

const instant = (): number => 0;

test.each([
  ['nothing', 0, { keySizeBytes: 4, valueSizeBytes: 8 }, []],
  ['one entry', 1, { keySizeBytes: 4, valueSizeBytes: 8 }, [1]],
  ['as many as the first read takes', 1024, { keySizeBytes: 4, valueSizeBytes: 8 }, [1024]],
  ['one more', 1025, { keySizeBytes: 4, valueSizeBytes: 8 }, [1024, 1]],
  ['more with each read, up to a limit', 12_000, { keySizeBytes: 4, valueSizeBytes: 8 }, [1024, 2048, 4096, 4096, 736]],
  ['fewer at a time where they are large', 200, { keySizeBytes: 4, valueSizeBytes: 8, cpus: 1024 }, [127, 73]],
  ['but no fewer than a bucket may have', 100, { keySizeBytes: 4, valueSizeBytes: 64, cpus: 1024 }, [64, 36]],
])('%s', (_, count, sizes, reads) => {
  const map = numbered(count, sizes);
  const batch = new Batch();
  const keys: number[] = [];
  const values: number[] = [];
  const counts: number[] = [];
  for (const read of batch.walk(map, instant)) {
    counts.push(read);
    for (let i = 0; i < read; i++) {
      keys.push(batch.keys.getUint32(i * map.keySizeBytes, true));
      values.push(batch.values.getUint32((i + 1) * map.strideBytes - 4, true));
    }
  }
  expect(counts).toEqual(reads);
  expect(keys).toEqual(Array.from({ length: count }, (__, i) => i));
  expect(values).toEqual(keys);
});

test.each([
  ['long', 2.1, [1024, 512, 256, 128, 64, 64, 64]],
  ['neither long nor short', 1, [1024, 1024]],
])('reads that take %s', (_, tookMs, reads) => {
  const map = numbered(3000, { keySizeBytes: 4, valueSizeBytes: 8 });
  let nowMs = 0;
  map.onRead = () => {
    nowMs += tookMs;
  };
  const counts = Array.from(new Batch().walk(map, () => nowMs));
  expect(counts.slice(0, reads.length)).toEqual(reads);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(3000);
});

test('buffers are used again, by a map that needs less of them', () => {
  const batch = new Batch();
  Array.from(batch.walk(numbered(100, { keySizeBytes: 16, valueSizeBytes: 64 }), instant));
  const { keys, values } = batch;
  Array.from(batch.walk(numbered(100, { keySizeBytes: 4, valueSizeBytes: 8 }), instant));
  expect(batch.keys).toBe(keys);
  expect(batch.values).toBe(values);
});

test.each([
  ['finds nothing and never ends', 0, 20],
  ['finds the same again and again', 10, 2],
])('a walk that %s is ended', (_, found, reads) => {
  const endless = numbered(10, { keySizeBytes: 4, valueSizeBytes: 8 });
  let count = 0;
  endless.read = () => {
    count++;
    return found;
  };
  Array.from(new Batch().walk(endless, instant));
  expect(count).toBe(reads);
});
