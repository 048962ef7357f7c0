import { isModifier, kinds } from './btf-kinds.ts';
import type { BtfRecord, BtfRecords } from './btf-records.ts';
import { enumeratorsOf } from './enumerators.ts';
import { maxDecodedMembers, maxLayoutMembers, maxTypeDepth, maxTypeSizeBytes } from './limits.ts';
import { ObjectError } from './object-error.ts';
import type { Layout, MemberLayout } from './spec.ts';

/** A layout with what the limits need to know of it. */
interface Measured {
  readonly layout: Layout;
  /** Types inside types below it, itself included. */
  readonly depth: number;
  /** Members when all that it holds is unfolded. */
  readonly members: number;
  /** Of an old-style bitfield type, an INT that is narrower than its bytes. */
  readonly bits: { readonly offset: number; readonly size: number } | undefined;
}

const pointerBytes = 8;
const maxIntBytes = 16;

/**
 * Type ids to layouts, each made once. What does not end (a struct that holds itself, a typedef of itself), what is too
 * deep, too wide or too large is refused; a member is inside its struct, so whoever reads bytes by a layout stays inside.
 */
export class LayoutReader {
  readonly #btf: BtfRecords;
  readonly #known = new Map<number, Measured>();
  readonly #underway = new Set<number>();
  #decodedMembers = 0;

  constructor(btf: BtfRecords) {
    this.#btf = btf;
  }

  layout(typeId: number): Layout {
    return this.#measure(typeId).layout;
  }

  #measure(typeId: number): Measured {
    if (typeId === 0) return leaf({ kind: 'opaque', sizeBytes: 0 });
    const known = this.#known.get(typeId);
    if (known !== undefined) return known;
    const record = this.#btf.record(typeId);
    if (this.#underway.has(typeId)) throw this.#bad(record, `type ${typeId} contains itself`);
    if (this.#underway.size >= maxTypeDepth) throw this.#tooDeep(record);
    this.#underway.add(typeId);
    try {
      const measured = this.#read(record);
      if (measured.depth > maxTypeDepth) throw this.#tooDeep(record);
      if (measured.members > maxLayoutMembers) {
        throw this.#tooLarge(record, `type ${typeId} has ${measured.members} members in all`, maxLayoutMembers);
      }
      this.#known.set(typeId, measured);
      return measured;
    } finally {
      this.#underway.delete(typeId);
    }
  }

  #read(record: BtfRecord): Measured {
    const sizeBytes = record.sizeOrType;
    switch (record.kind) {
      case kinds.int:
        return this.#readInt(record);
      case kinds.float:
        return leaf({ kind: 'float', sizeBytes });
      case kinds.ptr:
        return leaf({ kind: 'pointer', sizeBytes: pointerBytes });
      case kinds.array:
        return this.#readArray(record);
      case kinds.struct:
      case kinds.union:
        return this.#readStruct(record);
      case kinds.enum:
      case kinds.enum64:
        return this.#readEnum(record);
      case kinds.datasec:
        return leaf({ kind: 'opaque', sizeBytes });
      default:
        if (!isModifier(record.kind) && record.kind !== kinds.var) return leaf({ kind: 'opaque', sizeBytes: 0 });
        return deeper(this.#measure(record.sizeOrType));
    }
  }

  #readInt(record: BtfRecord): Measured {
    const sizeBytes = record.sizeOrType;
    const info = this.#btf.types.u32(record.dataOffset);
    // BTF_INT_ENCODING, BTF_INT_OFFSET, BTF_INT_BITS
    const [encodingBits, offset, size] = [(info >>> 24) & 0xf, (info >>> 16) & 0xff, info & 0xff];
    if (sizeBytes > maxIntBytes || offset + size > sizeBytes * 8) {
      throw this.#bad(record, `integer type ${record.id} has ${size} bits from ${offset} in ${sizeBytes} bytes`);
    }
    // Compilers do not set BTF_INT_CHAR; C's plain `char` is told from `signed char` and `unsigned char` by its name.
    const char = (encodingBits & 2) !== 0 || this.#btf.name(record.nameOffset) === 'char';
    const encoding = (encodingBits & 4) !== 0 ? 'bool' : char ? 'char' : 'int';
    const layout: Layout = { kind: 'int', sizeBytes, signed: (encodingBits & 1) !== 0, encoding };
    return { ...leaf(layout), bits: offset === 0 && size === sizeBytes * 8 ? undefined : { offset, size } };
  }

  #readArray(record: BtfRecord): Measured {
    const element = this.#measure(this.#btf.types.u32(record.dataOffset));
    // Of elements without size there is nothing to read, however many they say they are.
    const count = element.layout.sizeBytes === 0 ? 0 : this.#btf.types.u32(record.dataOffset + 8);
    const sizeBytes = element.layout.sizeBytes * count;
    if (sizeBytes > maxTypeSizeBytes)
      throw this.#tooLarge(record, `array type ${record.id} has ${sizeBytes} bytes`, maxTypeSizeBytes);
    return deeper({ ...element, layout: { kind: 'array', sizeBytes, element: element.layout, count } });
  }

  #readEnum(record: BtfRecord): Measured {
    const signed = record.kindFlag;
    this.#decode(record);
    const enumerators = enumeratorsOf(record, this.#btf.types, (offset) => this.#btf.name(offset));
    const sizeBytes = record.sizeOrType;
    if (![1, 2, 4, 8].includes(sizeBytes)) throw this.#bad(record, `enum type ${record.id} has ${sizeBytes} bytes`);
    return leaf({ kind: 'enum', sizeBytes, signed, enumerators });
  }

  #readStruct(record: BtfRecord): Measured {
    this.#decode(record);
    const members: MemberLayout[] = [];
    let [depth, memberCount] = [0, 0];
    for (let i = 0; i < record.count; i++) {
      const at = record.dataOffset + i * 12;
      const measured = this.#measure(this.#btf.types.u32(at + 4));
      members.push(
        this.#readMember(record, this.#btf.name(this.#btf.types.u32(at)), this.#btf.types.u32(at + 8), measured),
      );
      depth = Math.max(depth, measured.depth);
      memberCount += measured.members;
      if (memberCount > maxLayoutMembers)
        throw this.#tooLarge(record, `type ${record.id} has too many members in all`, maxLayoutMembers);
    }
    const name = this.#btf.name(record.nameOffset);
    const kind = record.kind === kinds.struct ? 'struct' : 'union';
    const layout: Layout = { kind, sizeBytes: record.sizeOrType, name, members };
    return { layout, depth: depth + 1, members: memberCount + 1, bits: undefined };
  }

  /** `where` is the member's bit offset; with kind_flag its upper 8 bits are the bitfield's size, 0 for none. */
  #readMember(record: BtfRecord, name: string, where: number, { layout, bits }: Measured): MemberLayout {
    const bitSize = record.kindFlag ? where >>> 24 : (bits?.size ?? 0);
    const bitStart = record.kindFlag ? where & 0xff_ffff : where + (bits?.offset ?? 0);
    if (bitSize === 0 && bitStart % 8 !== 0)
      throw this.#bad(record, `member ${name} of type ${record.id} starts at bit ${bitStart}`);
    const bitfield = bitSize === 0 ? undefined : { bitOffset: bitStart % 8, bitSize };
    const endBits = bitStart + (bitfield?.bitSize ?? layout.sizeBytes * 8);
    if (bitSize > layout.sizeBytes * 8)
      throw this.#bad(
        record,
        `member ${name} of type ${record.id} has ${bitSize} bits of a type of ${layout.sizeBytes} bytes`,
      );
    if (endBits > record.sizeOrType * 8) throw this.#bad(record, `member ${name} of type ${record.id} ends behind it`);
    return { name, offsetBytes: Math.floor(bitStart / 8), bitfield, layout };
  }

  #decode(record: BtfRecord): void {
    this.#decodedMembers += record.count;
    if (this.#decodedMembers > maxDecodedMembers)
      throw this.#tooLarge(record, 'too many members in all types', maxDecodedMembers);
  }

  #bad(record: BtfRecord, problem: string): ObjectError {
    return new ObjectError('BadBTF', problem, this.#btf.types.at(this.#btf.offsetOf(record.id)));
  }

  #tooDeep(record: BtfRecord): ObjectError {
    return this.#tooLarge(record, `type ${record.id} is nested too deeply`, maxTypeDepth);
  }

  #tooLarge(record: BtfRecord, problem: string, limit: number): ObjectError {
    return new ObjectError('TooLarge', `${problem}; ${limit} are allowed`, {
      ...this.#btf.types.at(this.#btf.offsetOf(record.id)),
      limit,
    });
  }
}

function leaf(layout: Layout): Measured {
  return { layout, depth: 1, members: 1, bits: undefined };
}

function deeper(inner: Measured): Measured {
  return { ...inner, depth: inner.depth + 1, bits: inner.layout.kind === 'array' ? undefined : inner.bits };
}
