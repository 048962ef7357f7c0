import { setImmediate } from 'node:timers/promises';
import type { MapReader } from '../../../../agent/kernel/map-reader.ts';
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
const small = { keySizeBytes: 4, valueSizeBytes: 8 };

/** The whole walk: how many entries each read gave. */
const countsOf = (reader: MapReader, batch = new Batch()): Promise<number[]> => Array.fromAsync(batch.walk(reader));

test.each([
  ['nothing', 0, small, []],
  ['one entry', 1, small, [1]],
  ['as many as the first read takes', 8192, small, [8192]],
  ['one more', 8193, small, [8192, 1]],
  ['more with the second read, up to a limit', 50_000, small, [8192, 16_384, 16_384, 9040]],
  ['fewer at first where they are large', 1200, { ...small, cpus: 64 }, [508, 692]],
  ['never too many bytes', 400, { ...small, cpus: 1024 }, [64, 127, 127, 82]],
  ['but no fewer than a bucket may have', 100, { keySizeBytes: 4, valueSizeBytes: 64, cpus: 1024 }, [64, 36]],
])('%s', async (_, count, sizes, reads) => {
  const map = numbered(count, sizes);
  const batch = new Batch();
  const keys: number[] = [];
  const values: number[] = [];
  const counts: number[] = [];
  for await (const read of batch.walk(map)) {
    counts.push(read);
    // By now the next read has filled its buffers, which must not be these.
    await setImmediate();
    await setImmediate();
    for (let i = 0; i < read; i++) {
      keys.push(batch.keys.getUint32(i * map.keySizeBytes, true));
      values.push(batch.values.getUint32((i + 1) * map.strideBytes - 4, true));
    }
  }
  expect(counts).toEqual(reads);
  expect(keys).toEqual(Array.from({ length: count }, (__, i) => i));
  expect(values).toEqual(keys);
});

test('buffers are used again, by a map that needs less of them', async () => {
  const batch = new Batch();
  const large = numbered(20_000, { keySizeBytes: 16, valueSizeBytes: 64 });
  await countsOf(large, batch);
  const seen = new Set<DataView>();
  for await (const _ of batch.walk(large)) seen.add(batch.keys);
  expect(seen.size).toBe(2);
  for await (const _ of batch.walk(numbered(20_000, small))) expect(seen).toContain(batch.keys);
});

test('buffers that nothing needs any more are given up, those in use are not', async () => {
  const batch = new Batch();
  const huge = new MemoryMap({ name: '.bss', keySizeBytes: 4, valueSizeBytes: 1 << 20 }, [
    [Buffer.alloc(4), Buffer.alloc(1 << 20)],
  ]);
  const map = numbered(1, small);
  const sizes: number[] = [];
  const walkBoth = async (reader: MapReader) => {
    for (let i = 0; i < 256; i++) await countsOf(reader, batch);
    sizes.push(batch.values.byteLength);
  };
  await walkBoth(huge);
  await walkBoth(huge);
  await walkBoth(map);
  await walkBoth(map);
  expect(sizes).toEqual([1 << 20, 1 << 20, 1 << 20, 8]);
});

test('what is large is read beside the event loop from the first read on', async () => {
  const ways: string[] = [];
  for (const valueSizeBytes of [(1 << 18) - 4, (1 << 18) - 3]) {
    const map = new MemoryMap({ name: 'm', keySizeBytes: 4, valueSizeBytes }, [
      [Buffer.alloc(4), Buffer.alloc(valueSizeBytes)],
    ]);
    const { read, readAside } = map;
    map.readAside = (...args) => {
      ways.push('beside');
      return readAside.apply(map, args);
    };
    map.read = (...args) => {
      ways.push('read');
      return read.apply(map, args);
    };
    expect(await countsOf(map)).toEqual([1]);
  }
  expect(ways).toEqual(['read', 'beside', 'read']);
});

test.each([
  ['finds nothing and never ends', 0, 20],
  ['finds the same again and again', 10, 2],
])('a walk that %s is ended', async (_, found, reads) => {
  const endless = numbered(10, small);
  let count = 0;
  endless.read = () => {
    count++;
    return found;
  };
  await countsOf(endless);
  expect(count).toBe(reads);
});

describe('while the next read is under way', () => {
  /** Two reads, the second of which ends when it is told to. */
  function heldBack(): { map: MemoryMap; end: PromiseWithResolvers<number> } {
    const map = numbered(10_000, small);
    const end = Promise.withResolvers<number>();
    map.readAside = () => end.promise;
    return { map, end };
  }

  test('a walk that is left waits for it: its buffers are the kernel’s until then', async () => {
    const { map, end } = heldBack();
    let left = false;
    const leaving = (async () => {
      for await (const _ of new Batch().walk(map)) break;
      left = true;
    })();
    await setImmediate();
    expect(left).toBe(false);
    end.resolve(0);
    await leaving;
    expect(left).toBe(true);
  });

  test('what it throws is thrown after what was read before', async () => {
    const { map, end } = heldBack();
    const counts: number[] = [];
    const walk = (async () => {
      for await (const count of new Batch().walk(map)) {
        end.reject(new Error('closed'));
        // Were it unheard until the walk goes on, the process would end here.
        await setImmediate();
        counts.push(count);
      }
    })();
    await expect(walk).rejects.toThrow('closed');
    expect(counts).toEqual([8192]);
  });

  test('what it throws does not hide why the walk was left', async () => {
    const { map, end } = heldBack();
    const walk = (async () => {
      for await (const _ of new Batch().walk(map)) {
        end.reject(new Error('closed'));
        throw new Error('no time');
      }
    })();
    await expect(walk).rejects.toThrow('no time');
  });
});
