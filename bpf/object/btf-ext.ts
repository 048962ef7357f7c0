import { ObjectError } from './object-error.ts';
import type { Region } from './region.ts';

const magic = 0xeb9f;
/** `struct btf_ext_header` up to and with the CO-RE part, which came later (tools/lib/bpf/btf.h). */
const headerWithCoreBytes = 32;
const partFields = { funcInfo: 8, lineInfo: 16, coreRelocations: 24 } as const;

/** The records of one program section: where its name is given, to be changed with the section's. */
export interface BtfExtSection {
  readonly part: keyof typeof partFields;
  /** In the BTF's strings. */
  readonly nameOffset: number;
  /** Of the u32 that holds `nameOffset`, in .BTF.ext. */
  readonly nameFieldOffset: number;
  readonly recordCount: number;
}

/** What `.BTF.ext` holds, by part and section (Documentation/bpf/btf.rst, "The .BTF.ext section"). Throws ObjectError. */
export function readBtfExt(content: Region): BtfExtSection[] {
  if (content.u16(0) !== magic)
    throw new ObjectError('BadBTF', `starts with 0x${content.u16(0).toString(16)}, not 0xeb9f`, content.at(0));
  if (content.u8(2) !== 1) throw new ObjectError('BadBTF', `version ${content.u8(2)}`, content.at(2));
  const headerLength = content.u32(4);
  const parts = [
    'funcInfo',
    'lineInfo',
    ...(headerLength >= headerWithCoreBytes ? ['coreRelocations' as const] : []),
  ] as const;
  return parts.flatMap((part) => {
    const field = partFields[part];
    const [offset, length] = [headerLength + content.u32(field), content.u32(field + 4)];
    return length === 0 ? [] : readPart(content.part(offset, length), part);
  });
}

export function hasCoreRelocations(sections: readonly BtfExtSection[]): boolean {
  return sections.some(({ part, recordCount }) => part === 'coreRelocations' && recordCount > 0);
}

function readPart(content: Region, part: keyof typeof partFields): BtfExtSection[] {
  const sections: BtfExtSection[] = [];
  const recordBytes = content.u32(0);
  if (recordBytes < 8) throw new ObjectError('BadBTF', `records of ${recordBytes} bytes`, content.at(0));
  for (let at = 4; at < content.length; ) {
    const [nameOffset, recordCount] = [content.u32(at), content.u32(at + 4)];
    sections.push({ part, nameOffset, nameFieldOffset: content.start + at, recordCount });
    at += 8 + content.part(at + 8, recordCount * recordBytes).length;
  }
  return sections;
}
