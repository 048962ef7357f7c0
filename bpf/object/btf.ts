import { LayoutReader } from './btf-layout.ts';
import { cNameOf } from './btf-names.ts';
import { BtfRecords } from './btf-records.ts';
import { maxBtfBytes } from './limits.ts';
import { ObjectError } from './object-error.ts';
import { Region } from './region.ts';
import type { Layout, TypeTable } from './spec.ts';

const magic = 0xeb9f;
const magicSwapped = 0x9feb;
const headerBytes = 24;

/** A BTF blob's types, and what they say of bytes. */
export class Btf extends BtfRecords implements TypeTable {
  readonly #layouts = new LayoutReader(this);

  layout(typeId: number): Layout {
    return this.#layouts.layout(typeId);
  }

  nameOf(typeId: number): string {
    return cNameOf(this, typeId);
  }
}

/** Of an object without BTF: only void. */
export function emptyBtf(): Btf {
  return new Btf(new Region(new Uint8Array(0), '.BTF'), new Region(new Uint8Array(1), '.BTF'));
}

/**
 * Reads a BTF blob: a `.BTF` section, or /sys/kernel/btf/vmlinux. Every kind up to ENUM64 is understood; an unknown one
 * cannot be skipped, since its length is not known (Documentation/bpf/btf.rst, "BTF type and string encoding").
 * Throws ObjectError.
 */
export function readBtf(bytes: Uint8Array, section = '.BTF'): Btf {
  const { types, strings } = btfSections(bytes, section);
  return new Btf(types, strings);
}

/** The two parts of a BTF blob, by its header. Throws ObjectError. */
export function btfSections(bytes: Uint8Array, section: string): { readonly types: Region; readonly strings: Region } {
  const blob = new Region(bytes, section);
  if (blob.length > maxBtfBytes) {
    throw new ObjectError('TooLarge', `${blob.length} bytes of BTF, ${maxBtfBytes} are allowed`, {
      section,
      limit: maxBtfBytes,
    });
  }
  const start = blob.u16(0);
  if (start === magicSwapped) throw new ObjectError('BigEndian', 'big-endian BTF', blob.at(0));
  if (start !== magic) throw new ObjectError('BadBTF', `starts with 0x${start.toString(16)}, not 0xeb9f`, blob.at(0));
  if (blob.u8(2) !== 1) throw new ObjectError('BadBTF', `version ${blob.u8(2)}`, blob.at(2));
  const headerLength = blob.u32(4);
  if (headerLength < headerBytes) throw new ObjectError('BadBTF', `a header of ${headerLength} bytes`, blob.at(4));
  // "offset … in bytes, relative to the end of this header" (include/uapi/linux/btf.h)
  const types = blob.part(headerLength + blob.u32(8), blob.u32(12));
  const strings = blob.part(headerLength + blob.u32(16), blob.u32(20));
  if (strings.length === 0 || strings.u8(0) !== 0 || strings.u8(strings.length - 1) !== 0) {
    throw new ObjectError('BadBTF', 'its strings do not start and end with NUL', strings.at(0));
  }
  return { types, strings };
}
