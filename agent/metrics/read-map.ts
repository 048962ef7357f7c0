import type { MapCursor, MapReader } from '../kernel/map-reader.ts';

/** Entries of one read, enough that the call and the change of threads cost next to nothing. */
const maxBatchEntries = 1 << 14;
/** Of a per-CPU map on a large machine so many entries would be too many bytes. */
const maxBatchBytes = 1 << 20;
/** But a hash bucket must fit, or the kernel refuses (ENOSPC). */
const minBatchEntries = 64;
/**
 * The first read holds the event loop, for two milliseconds at most. Most maps have no more; and of those that do, a change
 * of threads for less would cost what it saves.
 */
const first = { entries: 1 << 13, bytes: 1 << 18 } as const;
/** Some scrapes of what an agent has. A map with large values that is gone must not cost memory for ever. */
const walksPerTrim = 256;
/** Keys of one map and values of another may together be more than either map needs. */
const maxSpareFactor = 2;
/** As a reader promises: deletions may start a walk anew, but not for ever. */
const maxWalkFactor = 2;

/**
 * The keys and values of one read, packed, with the views that decode them; behind it a second pair of buffers, which
 * the kernel fills meanwhile. One is enough: maps are read in turn.
 */
export class Batch {
  keys: DataView = emptyView;
  values: DataView = emptyView;
  #front: Buffers = new Buffers();
  #back: Buffers = new Buffers();
  #walks = 0;

  /**
   * Walks a map from its first entry to its last and yields, for each read, how many entries are in `keys` and
   * `values` until the walk goes on. Throws what the reader throws. When it is over, or was left, nothing reads any more.
   */
  async *walk(reader: MapReader): AsyncGenerator<number, void, undefined> {
    const fitting = (bytes: number): number =>
      Math.max(minBatchEntries, Math.floor(bytes / (reader.keySizeBytes + reader.strideBytes)));
    const most = Math.max(1, Math.min(reader.maxEntries, maxBatchEntries, fitting(maxBatchBytes)));
    const cursor = reader.newCursor();
    let capacity = Math.min(most, first.entries, fitting(first.bytes));
    let left = reader.maxEntries * maxWalkFactor;
    this.#trim();
    this.#front.prepare(reader, capacity);
    const { keyBytes, valueBytes } = this.#front;
    // A bucket's worth of large values, or a section with a large variable in it.
    const isLarge = capacity * (reader.keySizeBytes + reader.strideBytes) > first.bytes;
    let count = isLarge
      ? await reader.readAside(cursor, keyBytes, valueBytes, capacity)
      : reader.read(cursor, keyBytes, valueBytes, capacity);
    for (;;) {
      // A read that finds nothing counts too: it must not be repeated without end.
      left -= Math.max(count, 1);
      capacity = Math.min(most, capacity * 2);
      const ahead = cursor.done || left <= 0 ? undefined : this.#readAhead(reader, cursor, capacity);
      try {
        this.keys = this.#front.keys;
        this.values = this.#front.values;
        if (count > 0) yield count;
      } finally {
        // Also where the walk is left: the buffers are the kernel's until then.
        await ahead?.settled;
      }
      if (ahead === undefined) return;
      count = await ahead.count;
      [this.#front, this.#back] = [this.#back, this.#front];
    }
  }

  #trim(): void {
    if (++this.#walks % walksPerTrim !== 0) return;
    this.#front.trim();
    this.#back.trim();
  }

  #readAhead(reader: MapReader, cursor: MapCursor, capacity: number): Ahead {
    this.#back.prepare(reader, capacity);
    const count = reader.readAside(cursor, this.#back.keyBytes, this.#back.valueBytes, capacity);
    return { count, settled: Promise.allSettled([count]) };
  }
}

interface Ahead {
  readonly count: Promise<number>;
  /** Never rejects; and as it follows `count`, nor is that ever rejected unheard. */
  readonly settled: Promise<unknown>;
}

const emptyView = new DataView(new ArrayBuffer(0));

class Buffers {
  keys: DataView = emptyView;
  values: DataView = emptyView;
  keyBytes: Buffer = Buffer.alloc(0);
  valueBytes: Buffer = Buffer.alloc(0);
  #neededBytes = 0;

  prepare({ keySizeBytes, strideBytes }: MapReader, entries: number): void {
    this.#neededBytes = Math.max(this.#neededBytes, entries * (keySizeBytes + strideBytes));
    if (this.keyBytes.length < entries * keySizeBytes) {
      this.keyBytes = Buffer.allocUnsafeSlow(entries * keySizeBytes);
      this.keys = viewOf(this.keyBytes);
    }
    if (this.valueBytes.length < entries * strideBytes) {
      this.valueBytes = Buffer.allocUnsafeSlow(entries * strideBytes);
      this.values = viewOf(this.valueBytes);
    }
  }

  /** Lets go of what nothing needed since the last time. */
  trim(): void {
    if (this.keyBytes.length + this.valueBytes.length > this.#neededBytes * maxSpareFactor) {
      this.keyBytes = Buffer.alloc(0);
      this.valueBytes = Buffer.alloc(0);
    }
    this.#neededBytes = 0;
  }
}

const viewOf = (bytes: Buffer): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
