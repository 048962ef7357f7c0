import { setImmediate } from 'node:timers/promises';
import type { MapCursor, MapReader } from '../../agent/kernel/map-reader.ts';

export interface MemoryMapOptions {
  readonly name: string;
  readonly keySizeBytes: number;
  readonly valueSizeBytes: number;
  /** Possible CPUs of a per-CPU map: each value given holds one slot of round_up(valueSizeBytes, 8) bytes for each. */
  readonly cpus?: number;
  readonly maxEntries?: number;
}

export type Entry = readonly [key: Uint8Array, value: Uint8Array];

/** A map that holds the entries it was given, in that order. */
export class MemoryMap implements MapReader {
  readonly name: string;
  readonly type = 1;
  readonly keySizeBytes: number;
  readonly valueSizeBytes: number;
  readonly strideBytes: number;
  readonly cpus: number;
  readonly maxEntries: number;
  entries: readonly Entry[];
  /** Thrown by the next read, when set: a map that was closed, or that the kernel refuses. */
  failure: Error | undefined;
  /** Called before each read. */
  onRead: () => void = () => {};
  reads = 0;

  constructor(options: MemoryMapOptions, entries: readonly Entry[]) {
    this.name = options.name;
    this.keySizeBytes = options.keySizeBytes;
    this.valueSizeBytes = options.valueSizeBytes;
    this.cpus = options.cpus ?? 1;
    this.strideBytes =
      options.cpus === undefined ? options.valueSizeBytes : Math.ceil(options.valueSizeBytes / 8) * 8 * options.cpus;
    this.maxEntries = options.maxEntries ?? Math.max(entries.length, 1);
    this.entries = entries;
  }

  newCursor(): MapCursor & { next: number; done: boolean } {
    return { next: 0, done: false };
  }

  read(cursor: MapCursor & { next?: number; done: boolean }, keys: Buffer, values: Buffer, capacity: number): number {
    this.onRead();
    this.reads++;
    if (this.failure !== undefined) throw this.failure;
    const from = cursor.next ?? 0;
    const batch = this.entries.slice(from, from + capacity);
    for (const [i, [key, value]] of batch.entries()) {
      if (key.length !== this.keySizeBytes || value.length !== this.strideBytes)
        throw new RangeError('an entry of another size');
      keys.set(key, i * this.keySizeBytes);
      values.set(value, i * this.strideBytes);
    }
    cursor.next = from + batch.length;
    cursor.done = cursor.next >= this.entries.length;
    return batch.length;
  }

  /** In a turn of its own, as the real one is read in a thread of its own. */
  async readAside(
    cursor: MapCursor & { next?: number; done: boolean },
    keys: Buffer,
    values: Buffer,
    capacity: number,
  ): Promise<number> {
    await setImmediate();
    return this.read(cursor, keys, values, capacity);
  }
}
