import type { BpfMapPtr, Libbpf } from '../libbpf/binding.ts';
import {
  checkErrno,
  checkInt,
  EAGAIN,
  EBADF,
  EINVAL,
  ENOENT,
  ENOTSUPP,
  EOPNOTSUPP,
  libbpfError,
} from '../libbpf/check.ts';
import { isArray, isPerCpu, mapType } from './bpf-types.ts';
import type { MapCursor, MapReader } from './map-reader.ts';
import { isBehindInTrie } from './trie-order.ts';

/** A walk may give this many times `maxEntries` entries before it is cut. */
const maxWalkFactor = 2;
/** And pass over so many that it gave already, since a key deleted under it starts next_key anew; more is an error. */
const maxRepeatFactor = 8;
/** Of entries that take a call each, or a look at whether they are new, so many in a turn: the event loop is held. */
const maxSingleEntries = 1024;
/** fcntl.h: the lowest free number for the same file, closed on exec. */
const F_DUPFD_CLOEXEC = 1030;
/** Where a batch goes on from is a bucket's number (u32) or, for arrays and tries, a key. */
const minBatchTokenBytes = 8;

/**
 * A map of a loaded object, which owns its fd. Once the object is closed, reads throw: the number may by then belong to a
 * map of another shape, whose bytes would not fit our buffers.
 */
export class KernelMap implements MapReader {
  readonly name: string;
  readonly type: number;
  readonly keySizeBytes: number;
  readonly valueSizeBytes: number;
  readonly strideBytes: number;
  readonly cpus: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly fd: number;
  readonly #lib: Libbpf;
  /** Undefined until the kernel said whether it can batch this type of map (hash since 5.6, per-CPU array since 5.13). */
  #batches: boolean | undefined;
  #closed = false;

  /** `cpus`: possible CPUs, which per-CPU values have a slot for. */
  constructor(lib: Libbpf, map: BpfMapPtr, name: string, cpus: number) {
    this.#lib = lib;
    this.name = name;
    this.type = lib.bpf_map__type(map);
    this.keySizeBytes = lib.bpf_map__key_size(map);
    this.valueSizeBytes = lib.bpf_map__value_size(map);
    this.maxEntries = lib.bpf_map__max_entries(map);
    this.flags = lib.bpf_map__map_flags(map);
    this.fd = lib.bpf_map__fd(map);
    this.cpus = isPerCpu(this.type) ? cpus : 1;
    this.strideBytes = isPerCpu(this.type) ? roundUp8(this.valueSizeBytes) * cpus : this.valueSizeBytes;
  }

  /** To be called by the owner of the fd, just before it closes it. */
  markClosed(): void {
    this.#closed = true;
  }

  newCursor(): MapCursor {
    return new Cursor(Math.max(this.keySizeBytes, minBatchTokenBytes));
  }

  read(cursor: MapCursor, keys: Buffer, values: Buffer, capacity: number): number {
    const at = this.#place(cursor);
    if (at.done) return 0;
    if (this.#batches === false) return this.#readSingly(at, keys, values, capacity);
    at.count.writeUInt32LE(this.type === mapType.lpmTrie ? Math.min(capacity, maxSingleEntries) : capacity);
    const result = this.#lib.bpf_map_lookup_batch(this.fd, at.token, at.to, keys, values, at.count);
    return this.#taken(at, keys, values, capacity, result);
  }

  async readAside(cursor: MapCursor, keys: Buffer, values: Buffer, capacity: number): Promise<number> {
    const at = this.#place(cursor);
    if (at.done || this.#batches === false) return this.read(cursor, keys, values, capacity);
    at.count.writeUInt32LE(this.type === mapType.lpmTrie ? Math.min(capacity, maxSingleEntries) : capacity);
    // The object may be closed, and its fd be another map's, before the thread comes to use it: this one is the read's own.
    const fd = checkErrno(this.#lib, 'fcntl', `of map ${this.name}`, this.#lib.fcntl(this.fd, F_DUPFD_CLOEXEC, 0));
    try {
      const result = await this.#lib.bpf_map_lookup_batch_async(fd, at.token, at.to, keys, values, at.count);
      return this.#taken(at, keys, values, capacity, result);
    } finally {
      this.#lib.close(fd);
    }
  }

  #place(cursor: MapCursor): Cursor {
    if (!(cursor instanceof Cursor)) throw new TypeError('a cursor of another reader');
    if (this.#closed) throw libbpfError(this.#lib, 'read', `map ${this.name}`, EBADF);
    return cursor;
  }

  /** What a batch lookup came to; where the kernel has none for this map, what it gives one by one. */
  #taken(cursor: Cursor, keys: Buffer, values: Buffer, capacity: number, result: number): number {
    const unsupported = result === -ENOTSUPP || result === -EOPNOTSUPP || result === -EINVAL;
    if (unsupported && this.#batches !== true && !cursor.started) {
      this.#batches = false;
      return this.#readSingly(this.#place(cursor), keys, values, capacity);
    }
    if (result !== 0 && result !== -ENOENT) {
      throw libbpfError(this.#lib, 'bpf_map_lookup_batch', `of map ${this.name}`, -result);
    }
    this.#batches = true;
    cursor.advance();
    cursor.done = result === -ENOENT;
    const found = cursor.count.readUInt32LE();
    const count = this.type === mapType.lpmTrie ? this.#newOnes(cursor, keys, values, found) : found;
    this.#add(cursor, count);
    return count;
  }

  #add(cursor: Cursor, count: number): void {
    cursor.total += count;
    if (cursor.total >= this.maxEntries * maxWalkFactor) cursor.done = true;
  }

  /**
   * A batch of a trie goes from key to key in the kernel (generic_map_lookup_batch), and begins again where the key that
   * it stood on was deleted: moves what is new to the front. A hash is read by its buckets.
   */
  #newOnes(cursor: Cursor, keys: Buffer, values: Buffer, count: number): number {
    const { keySizeBytes, strideBytes } = this;
    let kept = 0;
    for (let i = 0; i < count; i++) {
      if (!this.#isNew(cursor, keys.subarray(i * keySizeBytes, (i + 1) * keySizeBytes))) continue;
      if (kept < i) {
        keys.copyWithin(kept * keySizeBytes, i * keySizeBytes, (i + 1) * keySizeBytes);
        values.copyWithin(kept * strideBytes, i * strideBytes, (i + 1) * strideBytes);
      }
      kept++;
    }
    return kept;
  }

  /** Whether the walk did not give this key before. */
  #isNew(cursor: Cursor, key: Buffer): boolean {
    if (isArray(this.type)) return true;
    if (this.type === mapType.lpmTrie ? cursor.isBehind(key) : cursor.isFirstSight(key)) return true;
    this.#passOver(cursor);
    return false;
  }

  /** Throws where so much is passed over that the walk would never come to its end. */
  #passOver(cursor: Cursor): void {
    if (++cursor.passedOver < this.maxEntries * maxRepeatFactor) return;
    throw libbpfError(this.#lib, 'read', `map ${this.name}, whose keys are deleted faster than they are read`, EAGAIN);
  }

  /** For kernels or map types without batch lookup: one call per key and one per value. */
  #readSingly(cursor: Cursor, keys: Buffer, values: Buffer, room: number): number {
    let count = 0;
    for (let steps = 0; count < room && steps < maxSingleEntries; steps++) {
      const next = this.#lib.bpf_map_get_next_key(this.fd, cursor.token, cursor.to);
      if (next === -ENOENT) {
        cursor.done = true;
        break;
      }
      checkInt(this.#lib, 'bpf_map_get_next_key', `of map ${this.name}`, next);
      cursor.advance();
      const key = cursor.from.subarray(0, this.keySizeBytes);
      // The key we stood on was deleted, so the kernel began again: what was read already must not be read twice.
      if (!this.#isNew(cursor, key)) continue;
      const slot = values.subarray(count * this.strideBytes, (count + 1) * this.strideBytes);
      const found = this.#lib.bpf_map_lookup_elem(this.fd, key, slot);
      if (found === -ENOENT) {
        this.#passOver(cursor);
        continue;
      }
      checkInt(this.#lib, 'bpf_map_lookup_elem', `of map ${this.name}`, found);
      key.copy(keys, count * this.keySizeBytes);
      count++;
    }
    this.#add(cursor, count);
    return count;
  }
}

class Cursor implements MapCursor {
  done = false;
  started = false;
  total = 0;
  /** Keys that were given before, or were gone when their value was asked for. */
  passedOver = 0;
  /** How many entries fit, then how many came (u32). */
  readonly count = Buffer.alloc(4);
  from: Buffer;
  to: Buffer;
  /** Of a trie, the key that came last. */
  #last: Buffer | undefined;
  #seen: Set<string> | undefined;

  constructor(tokenBytes: number) {
    this.from = Buffer.alloc(tokenBytes);
    this.to = Buffer.alloc(tokenBytes);
  }

  /** Where to go on from; null at the start. */
  get token(): Buffer | null {
    return this.started ? this.from : null;
  }

  advance(): void {
    [this.from, this.to] = [this.to, this.from];
    this.started = true;
  }

  /** Of a trie's keys, which come in order: whether the walk has not been here yet. */
  isBehind(key: Buffer): boolean {
    if (this.#last === undefined) this.#last = Buffer.from(key);
    else if (isBehindInTrie(key, this.#last)) key.copy(this.#last);
    else return false;
    return true;
  }

  /** Of a hash's, which come in none. */
  isFirstSight(key: Buffer): boolean {
    this.#seen ??= new Set();
    const before = this.#seen.size;
    return this.#seen.add(key.toString('latin1')).size > before;
  }
}

const roundUp8 = (bytes: number): number => Math.ceil(bytes / 8) * 8;
