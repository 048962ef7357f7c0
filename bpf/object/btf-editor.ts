import { kinds } from './btf-kinds.ts';
import { type BtfRecord, type BtfRecords, recordBytes } from './btf-records.ts';

const headerBytes = 24;

/** Appends types and names to a BTF blob: ids and offsets that are in use stay what they are. */
export class BtfEditor {
  readonly #old: BtfRecords;
  readonly #oldTypes: Uint8Array;
  readonly #types: number[] = [];
  readonly #strings: number[] = [];
  readonly #ids = new Map<string, number>();
  readonly #names = new Map<string, number>([['', 0]]);
  #count: number;

  constructor(old: BtfRecords) {
    this.#old = old;
    this.#oldTypes = old.types.bytes.slice();
    this.#count = old.count;
  }

  get changed(): boolean {
    return this.#types.length > 0 || this.#strings.length > 0;
  }

  /** The offset of a name, which is added where it is new. */
  name(text: string): number {
    let offset = this.#names.get(text);
    if (offset === undefined) {
      offset = this.#old.strings.length + this.#strings.length;
      this.#names.set(text, offset);
      this.#strings.push(...new TextEncoder().encode(text), 0);
    }
    return offset;
  }

  /** C's `char`: the smallest integer, so that arrays of it stay below 4 GiB whatever their count says. */
  char(): number {
    // BTF_INT_SIGNED, 8 bits
    return this.#once(kinds.int, 'char', 0, 1, [(1 << 24) | 8]);
  }

  /** `char (*)[count]`: how `__uint(…, count)` is written in types. */
  uint(count: number): number {
    return this.pointer(this.array(this.char(), count));
  }

  array(elementId: number, count: number): number {
    return this.#once(kinds.array, '', 0, 0, [elementId, this.char(), count]);
  }

  pointer(typeId: number): number {
    return this.#once(kinds.ptr, '', 0, typeId, []);
  }

  /** An anonymous struct of pointers, one behind the other, and maybe an array without elements at its end. */
  pointers(
    members: readonly (readonly [name: string, pointerId: number])[],
    last?: readonly [name: string, arrayId: number],
  ): number {
    const all = last === undefined ? members : [...members, last];
    const data = all.flatMap(([name, id], i) => [this.name(name), id, i * 64]);
    return this.#once(kinds.struct, '', all.length, members.length * 8, data);
  }

  /** A global variable. */
  variable(name: string, typeId: number): number {
    return this.#add(kinds.var, name, 0, typeId, [1]);
  }

  datasec(name: string, sizeBytes: number, variables: readonly { id: number; offset: number; size: number }[]): number {
    const data = variables.flatMap(({ id, offset, size }) => [id, offset, size]);
    return this.#add(kinds.datasec, name, variables.length, sizeBytes, data);
  }

  /**
   * Makes a data section that is no more into an anonymous struct of as many chars: types cannot be taken out without
   * renumbering, and libbpf looks up every data section in the ELF.
   */
  retire(datasec: BtfRecord): void {
    const view = new DataView(this.#oldTypes.buffer, this.#oldTypes.byteOffset);
    const words = [0, (kinds.struct << 24) | datasec.count, datasec.count];
    for (let i = 0; i < datasec.count; i++) words.push(0, this.char(), i * 8);
    for (const [i, word] of words.entries()) view.setUint32(datasec.dataOffset - recordBytes + i * 4, word, true);
  }

  build(): Uint8Array {
    const { strings } = this.#old;
    const typeBytes = this.#oldTypes.length + this.#types.length * 4;
    const stringBytes = strings.length + this.#strings.length;
    const bytes = new Uint8Array(headerBytes + typeBytes + stringBytes);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, 0xeb9f, true);
    view.setUint8(2, 1);
    for (const [i, word] of [headerBytes, 0, typeBytes, typeBytes, stringBytes].entries())
      view.setUint32(4 + i * 4, word, true);
    bytes.set(this.#oldTypes, headerBytes);
    for (const [i, word] of this.#types.entries())
      view.setUint32(headerBytes + this.#oldTypes.length + i * 4, word, true);
    bytes.set(strings.bytes, headerBytes + typeBytes);
    bytes.set(this.#strings, headerBytes + typeBytes + strings.length);
    return bytes;
  }

  #once(kind: number, name: string, count: number, sizeOrType: number, data: readonly number[]): number {
    const key = [kind, name, sizeOrType, ...data].join();
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#add(kind, name, count, sizeOrType, data);
    this.#ids.set(key, id);
    return id;
  }

  #add(kind: number, name: string, count: number, sizeOrType: number, data: readonly number[]): number {
    this.#types.push(this.name(name), ((kind << 24) | count) >>> 0, sizeOrType, ...data);
    this.#count += 1;
    return this.#count;
  }
}
