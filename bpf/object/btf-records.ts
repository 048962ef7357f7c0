import { kindCount, kinds, trailingBytes } from './btf-kinds.ts';
import { maxTypes } from './limits.ts';
import { ObjectError } from './object-error.ts';
import type { Region } from './region.ts';
import { StringTable } from './string-table.ts';

/** One `struct btf_type`, as it stands in the blob. */
export interface BtfRecord {
  readonly id: number;
  readonly kind: number;
  /** Bit 31 of `info`: bitfields of a struct, signedness of an enum, a union's forward declaration. */
  readonly kindFlag: boolean;
  /** Members, enumerators, parameters or variables. */
  readonly count: number;
  readonly nameOffset: number;
  /** The size in bytes, or the id of the type that this one refers to: which of them the kind says. */
  readonly sizeOrType: number;
  /** Of what follows the record, in the type section. */
  readonly dataOffset: number;
}

/** The record at `at` of the type section. */
export function recordAt(types: Region, at: number, id: number): BtfRecord {
  const info = types.u32(at + 4);
  return {
    id,
    kind: (info >>> 24) & 0x1f,
    kindFlag: info >>> 31 === 1,
    count: info & 0xffff,
    nameOffset: types.u32(at),
    sizeOrType: types.u32(at + 8),
    dataOffset: at + recordBytes,
  };
}

/** A variable of a data section (`struct btf_var_secinfo` and the variable that it names). */
export interface BtfVariable {
  readonly varId: number;
  readonly name: string;
  readonly typeId: number;
  /** BTF_VAR_STATIC, _GLOBAL_ALLOCATED, _GLOBAL_EXTERN */
  readonly linkage: number;
  readonly offset: number;
  readonly size: number;
}

export const recordBytes = 12;

/** The types of a BTF blob: where each record starts, decoded when asked for. */
export class BtfRecords {
  readonly count: number;
  /** The type section, and the string section as it stands. */
  readonly types: Region;
  readonly strings: Region;
  readonly #offsets: Uint32Array;
  readonly #names: StringTable;

  constructor(types: Region, strings: Region) {
    this.types = types;
    this.strings = strings;
    this.#offsets = indexTypes(types);
    this.count = this.#offsets.length;
    this.#names = new StringTable(strings);
  }

  /** Throws BadBTF for an id that is not there; 0 is void, which has no record. */
  record(id: number): BtfRecord {
    const at = this.#offsets[id - 1];
    if (at === undefined)
      throw new ObjectError('BadBTF', `there is no type ${id}, only ${this.count}`, this.types.at(0));
    return recordAt(this.types, at, id);
  }

  /** Where the type's record starts in the type section. */
  offsetOf(id: number): number {
    return this.record(id).dataOffset - recordBytes;
  }

  kindOf(id: number): number {
    return id === 0 ? kinds.void : this.record(id).kind;
  }

  name(offset: number): string {
    return this.#names.at(offset);
  }

  /** Every type of that kind, in order. */
  *recordsOf(kind: number): Generator<BtfRecord> {
    for (let id = 1; id <= this.count; id++) {
      const record = this.record(id);
      if (record.kind === kind) yield record;
    }
  }

  /** What a DATASEC holds, in its order. */
  *variablesOf(section: BtfRecord): Generator<BtfVariable> {
    for (let i = 0; i < section.count; i++) {
      const at = section.dataOffset + i * 12;
      const varId = this.types.u32(at);
      const variable = this.record(varId);
      // A data section may also list external functions (.ksyms); they are no variables.
      if (variable.kind === kinds.func) continue;
      if (variable.kind !== kinds.var)
        throw new ObjectError('BadBTF', `type ${varId} in a data section is no variable`, this.types.at(at));
      yield {
        varId,
        name: this.name(variable.nameOffset),
        typeId: variable.sizeOrType,
        linkage: this.types.u32(variable.dataOffset),
        offset: this.types.u32(at + 4),
        size: this.types.u32(at + 8),
      };
    }
  }
}

function indexTypes(types: Region): Uint32Array {
  // The shortest record is 12 bytes, so this much is enough, and no more than a third of the input.
  const offsets = new Uint32Array(Math.min(Math.floor(types.length / recordBytes), maxTypes));
  let count = 0;
  for (let at = 0; at < types.length; ) {
    if (count === maxTypes)
      throw new ObjectError('TooLarge', `more than ${maxTypes} types`, { ...types.at(at), limit: maxTypes });
    const length = recordLength(types, at, count + 1);
    offsets[count++] = at;
    at += length;
  }
  return offsets.subarray(0, count);
}

/** Bytes of the record at `at`, that of type `id`, with what follows it. Throws where what is behind cannot be told. */
export function recordLength(types: Region, at: number, id: number): number {
  const info = types.u32(at + 4);
  const kind = (info >>> 24) & 0x1f;
  if (kind === kinds.void || kind >= kindCount)
    throw new ObjectError('BadBTF', `type ${id} is of unknown kind ${kind}`, types.at(at));
  const length = recordBytes + trailingBytes(kind, info & 0xffff);
  if (at + length > types.length)
    throw new ObjectError('Truncated', `type ${id} of ${length} bytes is cut off`, types.at(at));
  return length;
}
