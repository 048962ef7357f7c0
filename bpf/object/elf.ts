import { type ElfHeader, readElfHeader, sectionHeaderBytes } from './elf-header.ts';
import { maxNamedSymbols, maxSectionNameBytes, maxSymbols } from './limits.ts';
import { ObjectError } from './object-error.ts';
import { Region } from './region.ts';
import { StringTable } from './string-table.ts';

export interface ElfSection {
  readonly index: number;
  readonly name: string;
  /** SHT_* */
  readonly type: number;
  /** SHF_*, the low 32 bits. */
  readonly flags: number;
  /** In the file. */
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
}

/** A defined function, object or untyped global. Labels, sections and files are no symbols to us. */
export interface ElfSymbol {
  /** In the symbol table. */
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly bind: number;
  readonly section: number;
  /** Offset in its section. */
  readonly value: number;
  readonly size: number;
}

export const sectionTypes = { null: 0, progbits: 1, symtab: 2, strtab: 3, nobits: 8, rel: 9 } as const;
export const sectionFlags = { write: 1, alloc: 2, exec: 4, compressed: 0x800 } as const;
export const symbolTypes = { none: 0, object: 1, func: 2, section: 3 } as const;
export const symbolBinds = { local: 0, global: 1, weak: 2 } as const;
/** Bytes of `Elf64_Sym`. */
export const symbolBytes = 24;

const [sectionUndefined, sectionReserved] = [0, 0xff00];

/** An ELF64 little-endian BPF object: its sections by index, and its symbols. */
export class ElfFile {
  readonly bytes: Uint8Array;
  readonly sections: readonly ElfSection[];
  /** The section that holds the sections' names. */
  readonly sectionNamesIndex: number;
  /** In order of the symbol table. */
  readonly symbols: readonly ElfSymbol[];
  readonly #symbolsBySection = new Map<number, ElfSymbol[]>();
  readonly #sectionsByName = new Map<string, ElfSection>();

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    const header = readElfHeader(bytes);
    this.sections = readSections(bytes, header);
    this.sectionNamesIndex = header.sectionNamesIndex;
    for (const section of this.sections) {
      if (section.type === sectionTypes.null || this.#sectionsByName.has(section.name)) continue;
      this.#sectionsByName.set(section.name, section);
    }
    this.symbols = this.#readSymbols();
    for (const symbol of this.symbols) {
      const siblings = this.#symbolsBySection.get(symbol.section);
      if (siblings === undefined) this.#symbolsBySection.set(symbol.section, [symbol]);
      else siblings.push(symbol);
    }
  }

  /** The first section of that name, as libbpf picks it. */
  sectionNamed(name: string): ElfSection | undefined {
    return this.#sectionsByName.get(name);
  }

  /** The section's content; empty for one without bytes in the file (.bss). */
  content(section: ElfSection): Region {
    if (section.type === sectionTypes.nobits || section.type === sectionTypes.null)
      return new Region(new Uint8Array(0), section.name);
    if ((section.flags & sectionFlags.compressed) !== 0) {
      throw new ObjectError('BadSection', 'is compressed', { section: section.name, hint: 'compile without -gz' });
    }
    return new Region(this.bytes.subarray(section.offset, section.offset + section.size), section.name);
  }

  /** In order of offset, then of the symbol table. */
  symbolsOf(section: ElfSection): readonly ElfSymbol[] {
    return (this.#symbolsBySection.get(section.index) ?? []).toSorted((a, b) => a.value - b.value || a.index - b.index);
  }

  /** The section that holds the symbol table, if there is one. */
  symbolTable(): ElfSection | undefined {
    const tables = this.sections.filter((section) => section.type === sectionTypes.symtab);
    if (tables.length > 1)
      throw new ObjectError('BadSection', 'a second symbol table', { section: tables[1]?.name ?? '' });
    return tables[0];
  }

  #readSymbols(): ElfSymbol[] {
    const table = this.symbolTable();
    if (table === undefined) return [];
    const content = this.content(table);
    const count = Math.floor(content.length / symbolBytes);
    if (content.length % symbolBytes !== 0)
      throw new ObjectError('BadSection', `${content.length} bytes are no whole symbols`, content.at(0));
    if (count > maxSymbols)
      throw new ObjectError('TooLarge', `${count} symbols, ${maxSymbols} are allowed`, {
        section: table.name,
        limit: maxSymbols,
      });
    const namesSection = this.sections[table.link];
    if (namesSection?.type !== sectionTypes.strtab)
      throw new ObjectError('BadSection', `no string table in section ${table.link}`, content.at(0));
    const names = new StringTable(this.content(namesSection));
    const symbols: ElfSymbol[] = [];
    for (let index = 1; index < count; index++) {
      const symbol = this.#readSymbol(content, index, names);
      if (symbol === undefined) continue;
      if (symbols.push(symbol) > maxNamedSymbols) {
        throw new ObjectError('TooLarge', `more than ${maxNamedSymbols} functions and variables`, {
          section: table.name,
          limit: maxNamedSymbols,
        });
      }
    }
    return symbols;
  }

  #readSymbol(content: Region, index: number, names: StringTable): ElfSymbol | undefined {
    const at = index * symbolBytes;
    const info = content.u8(at + 4);
    const section = content.u16(at + 6);
    const [type, bind] = [info & 0xf, info >> 4];
    if (section === sectionUndefined || section >= sectionReserved) return undefined;
    // LLVM before 8 left out types and sizes, so an untyped global is a function or a map; an untyped local is a label.
    const kept =
      type === symbolTypes.func ||
      type === symbolTypes.object ||
      (type === symbolTypes.none && bind !== symbolBinds.local);
    if (!kept) return undefined;
    const owner = this.sections[section];
    if (owner === undefined)
      throw new ObjectError(
        'BadSymbol',
        `symbol ${index} is in section ${section} of ${this.sections.length}`,
        content.at(at),
      );
    const [value, size] = [content.u64(at + 8), content.u64(at + 16)];
    const name = names.at(content.u32(at));
    if (value + size > owner.size) {
      const problem = `symbol ${name} of ${size} bytes ends behind the section's ${owner.size}`;
      throw new ObjectError('BadSymbol', problem, { section: owner.name, offset: value });
    }
    return { index, name, type, bind, section, value, size };
  }
}

function readSections(bytes: Uint8Array, header: ElfHeader): ElfSection[] {
  const file = new Region(bytes);
  const tableOffset = (index: number) => header.sectionHeadersOffset + index * sectionHeaderBytes;
  const namesOffset = tableOffset(header.sectionNamesIndex);
  const [contentOffset, contentSize] = [file.u64(namesOffset + 24), file.u64(namesOffset + 32)];
  const names = new StringTable(file.part(contentOffset, contentSize));
  return Array.from({ length: header.sectionCount }, (_, index) => {
    const at = tableOffset(index);
    const section = {
      index,
      name: names.at(file.u32(at), maxSectionNameBytes),
      type: file.u32(at + 4),
      flags: file.u32(at + 8),
      offset: file.u64(at + 24),
      size: file.u64(at + 32),
      link: file.u32(at + 40),
      info: file.u32(at + 44),
    };
    checkBounds(section, bytes.length);
    return section;
  });
}

function checkBounds({ name, type, offset, size }: ElfSection, fileBytes: number): void {
  if (type === sectionTypes.null || type === sectionTypes.nobits || offset + size <= fileBytes) return;
  const problem = `its ${size} bytes at 0x${offset.toString(16)} end behind the file's ${fileBytes}`;
  throw new ObjectError('Truncated', problem, { section: name, hint: 'the file is incomplete' });
}
