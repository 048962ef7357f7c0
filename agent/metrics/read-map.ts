import type { MapReader } from '../kernel/map-reader.ts';

/** Entries of one read, enough that the call's own cost vanishes and few enough that it ends within a millisecond or so. */
const maxBatchEntries = 4096;
/** Of a per-CPU map on a large machine so many entries would be too many bytes. */
const maxBatchBytes = 1 << 20;
/** But a hash bucket must fit, or the kernel refuses (ENOSPC). */
const minBatchEntries = 64;
/** Before anything is known of how long a map's reads take. */
const firstBatchEntries = 1024;
/** Nothing else runs meanwhile. */
const longReadMs = 2;
/** As a reader promises: deletions may start a walk anew, but not for ever. */
const maxWalkFactor = 2;

/** The keys and values of one read, packed, with the views that decode them. One is enough: maps are read in turn. */
export class Batch {
  keys: DataView = new DataView(new ArrayBuffer(0));
  values: DataView = new DataView(new ArrayBuffer(0));
  #keyBytes: Buffer = Buffer.alloc(0);
  #valueBytes: Buffer = Buffer.alloc(0);

  /**
   * Walks a map from its first entry to its last and yields, for each read, how many entries are in `keys` and
   * `values` now. Reads that take long by `now`, in milliseconds, get smaller. Throws what the reader throws.
   */
  *walk(reader: MapReader, now: () => number): Generator<number, void, undefined> {
    const fitting = Math.max(minBatchEntries, Math.floor(maxBatchBytes / (reader.keySizeBytes + reader.strideBytes)));
    const most = Math.max(1, Math.min(reader.maxEntries, maxBatchEntries, fitting));
    this.#prepare(most * reader.keySizeBytes, most * reader.strideBytes);
    let capacity = Math.min(most, firstBatchEntries);
    const cursor = reader.newCursor();
    let left = reader.maxEntries * maxWalkFactor;
    while (!cursor.done && left > 0) {
      const startMs = now();
      const count = reader.read(cursor, this.#keyBytes, this.#valueBytes, capacity);
      const tookMs = now() - startMs;
      if (tookMs > longReadMs) capacity = Math.min(most, Math.max(minBatchEntries, Math.floor(capacity / 2)));
      else if (tookMs < longReadMs / 3) capacity = Math.min(most, capacity * 2);
      // A read that finds nothing counts too: it must not be repeated without end.
      left -= Math.max(count, 1);
      if (count > 0) yield count;
    }
  }

  #prepare(keyBytes: number, valueBytes: number): void {
    if (this.#keyBytes.length < keyBytes) {
      this.#keyBytes = Buffer.allocUnsafeSlow(keyBytes);
      this.keys = viewOf(this.#keyBytes);
    }
    if (this.#valueBytes.length < valueBytes) {
      this.#valueBytes = Buffer.allocUnsafeSlow(valueBytes);
      this.values = viewOf(this.#valueBytes);
    }
  }
}

const viewOf = (bytes: Buffer): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
