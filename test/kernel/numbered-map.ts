import type { Libbpf } from '../../agent/libbpf/binding.ts';
import { checkInt, ENOENT } from '../../agent/libbpf/check.ts';

/** How the keys and values of a map of shapes.bpf.c look. */
export type MapShape = 'plain' | 'array' | 'per-CPU' | 'per-CPU array' | 'trie';

/** Key i's value on a CPU. */
const valueOn = (i: number, cpu: number): bigint => BigInt(i * 3 + cpu);

/** A map of shapes.bpf.c by its fd, written from user space: key number i has values that tell it from all others. */
export class NumberedMap {
  readonly #lib: Libbpf;
  readonly #fd: number;
  readonly #shape: MapShape;
  readonly #cpus: number;
  readonly #key = Buffer.alloc(8);
  readonly #value: Buffer;

  constructor(lib: Libbpf, fd: number, shape: MapShape) {
    this.#lib = lib;
    this.#fd = fd;
    this.#shape = shape;
    this.#cpus = shape.startsWith('per-CPU') ? lib.libbpf_num_possible_cpus() : 1;
    this.#value = Buffer.alloc(8 * this.#cpus);
  }

  /** What a scrape shows of key number i: the sum over CPUs. */
  exported(i: number): bigint {
    let sum = 0n;
    for (let cpu = 0; cpu < this.#cpus; cpu++) sum += valueOn(i, cpu);
    return sum;
  }

  insert(i: number): void {
    for (let cpu = 0; cpu < this.#cpus; cpu++) this.#value.writeBigUInt64LE(valueOn(i, cpu), cpu * 8);
    this.#update(i);
  }

  /** Of an array, whose entries cannot be deleted, sets it to zero. */
  delete(i: number): void {
    if (this.#shape === 'array' || this.#shape === 'per-CPU array') {
      this.#value.fill(0);
      this.#update(i);
      return;
    }
    const result = this.#lib.bpf_map_delete_elem(this.#fd, this.#keyOf(i));
    if (result !== -ENOENT) checkInt(this.#lib, 'bpf_map_delete_elem', String(i), result);
  }

  #update(i: number): void {
    checkInt(
      this.#lib,
      'bpf_map_update_elem',
      String(i),
      this.#lib.bpf_map_update_elem(this.#fd, this.#keyOf(i), this.#value, 0),
    );
  }

  #keyOf(i: number): Buffer {
    if (this.#shape === 'trie') {
      this.#key.writeUInt32LE(32);
      this.#key.writeUInt32BE(i, 4);
    } else this.#key.writeUInt32LE(i);
    return this.#key;
  }
}
