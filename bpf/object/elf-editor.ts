import { type ElfFile, sectionTypes, symbolBytes } from './elf.ts';
import { sectionHeaderBytes } from './elf-header.ts';
import { ObjectError } from './object-error.ts';

/** `Elf64_Ehdr` and `Elf64_Shdr` fields that are written. */
const fileFields = { sectionHeadersOffset: 40, sectionCount: 60 } as const;
const fields = { name: 0, type: 4, flags: 8, offset: 24, size: 32, align: 48 } as const;
const contentAlign = 8;

export interface SymbolChange {
  readonly name?: string;
  readonly type: number;
  readonly section: number;
  readonly value: number;
  readonly size: number;
}

/**
 * Changes an object without moving what is in it: sections and symbols keep their numbers, so relocations stay right.
 * What grows is written behind the old end, and the section headers behind that.
 */
export class ElfEditor {
  readonly #elf: ElfFile;
  readonly #headers: DataView[];
  readonly #contents = new Map<number, Uint8Array>();
  readonly #addedNames = new Map<number, { bytes: number[]; offsets: Map<string, number> }>();

  constructor(elf: ElfFile) {
    this.#elf = elf;
    const { buffer, byteOffset } = elf.bytes.slice();
    const start = Number(new DataView(buffer, byteOffset).getBigUint64(fileFields.sectionHeadersOffset, true));
    this.#headers = elf.sections.map(
      ({ index }) => new DataView(buffer, byteOffset + start + index * sectionHeaderBytes, sectionHeaderBytes),
    );
  }

  /** A copy of the section's content, to be changed in place. */
  content(index: number): DataView {
    let content = this.#contents.get(index);
    const section = this.#elf.sections[index];
    if (section === undefined) throw new RangeError(`no section ${index}`);
    if (content === undefined) {
      content = this.#elf.content(section).bytes.slice();
      this.#contents.set(index, content);
    }
    return new DataView(content.buffer, content.byteOffset, content.byteLength);
  }

  replaceContent(index: number, content: Uint8Array): void {
    this.#contents.set(index, content);
  }

  rename(index: number, name: string): void {
    this.#header(index).setUint32(fields.name, this.#nameOffset(this.#elf.sectionNamesIndex, name), true);
  }

  /** Appends a section and returns its number. */
  addSection(name: string, type: number, flags: number, content: Uint8Array): number {
    const header = new DataView(new ArrayBuffer(sectionHeaderBytes));
    const index = this.#headers.push(header) - 1;
    header.setUint32(fields.type, type, true);
    header.setBigUint64(fields.align, BigInt(contentAlign), true);
    header.setBigUint64(fields.flags, BigInt(flags), true);
    this.rename(index, name);
    this.#contents.set(index, content);
    return index;
  }

  /** Of a section that is to hold data in the file, 8 bytes aligned. */
  makeData(index: number, flags: number): void {
    const header = this.#header(index);
    header.setUint32(fields.type, sectionTypes.progbits, true);
    header.setBigUint64(fields.flags, BigInt(flags), true);
    header.setBigUint64(fields.align, BigInt(contentAlign), true);
  }

  /** Turns the section into an empty place that no reader looks at; the others keep their numbers. */
  dropSection(index: number): void {
    const header = this.#header(index);
    for (let at = 0; at < sectionHeaderBytes; at += 8) header.setBigUint64(at, 0n, true);
    this.#contents.delete(index);
  }

  changeSymbol(index: number, change: SymbolChange): void {
    const table = this.#elf.symbolTable();
    if (table === undefined) throw new RangeError(`no symbol ${index}`);
    const content = this.content(table.index);
    const at = index * symbolBytes;
    if (change.name !== undefined) content.setUint32(at, this.#nameOffset(table.link, change.name), true);
    content.setUint8(at + 4, (content.getUint8(at + 4) & 0xf0) | change.type);
    content.setUint16(at + 6, change.section, true);
    content.setBigUint64(at + 8, BigInt(change.value), true);
    content.setBigUint64(at + 16, BigInt(change.size), true);
  }

  build(): Uint8Array {
    for (const [table, { bytes }] of this.#addedNames) {
      const old = this.#oldContent(table);
      const grown = new Uint8Array(old.length + bytes.length);
      grown.set(old);
      grown.set(bytes, old.length);
      this.#contents.set(table, grown);
    }
    // Where each content goes: in place if it fits, else behind everything.
    let end = aligned(this.#elf.bytes.length);
    const places = [...this.#contents].map(([index, content]) => {
      const section = this.#elf.sections[index];
      const fits = section !== undefined && content.length === this.#elf.content(section).length;
      const offset = fits ? section.offset : end;
      if (!fits) end = aligned(end + content.length);
      const header = this.#header(index);
      header.setBigUint64(fields.offset, BigInt(offset), true);
      header.setBigUint64(fields.size, BigInt(content.length), true);
      return { offset, content };
    });

    const bytes = new Uint8Array(end + this.#headers.length * sectionHeaderBytes);
    bytes.set(this.#elf.bytes);
    for (const { offset, content } of places) bytes.set(content, offset);
    for (const [i, { buffer, byteOffset }] of this.#headers.entries()) {
      bytes.set(new Uint8Array(buffer, byteOffset, sectionHeaderBytes), end + i * sectionHeaderBytes);
    }
    const file = new DataView(bytes.buffer);
    file.setBigUint64(fileFields.sectionHeadersOffset, BigInt(end), true);
    file.setUint16(fileFields.sectionCount, this.#headers.length, true);
    return bytes;
  }

  #header(index: number): DataView {
    const header = this.#headers[index];
    if (header === undefined) throw new RangeError(`no section ${index}`);
    return header;
  }

  #oldContent(index: number): Uint8Array {
    const section = this.#elf.sections[index];
    if (section === undefined) throw new ObjectError('BadSection', `no string table in section ${index}`);
    return this.#elf.content(section).bytes;
  }

  /** The name's offset in that string table; names are appended once each. */
  #nameOffset(table: number, name: string): number {
    let added = this.#addedNames.get(table);
    if (added === undefined) {
      added = { bytes: [], offsets: new Map() };
      this.#addedNames.set(table, added);
    }
    let offset = added.offsets.get(name);
    if (offset === undefined) {
      offset = this.#oldContent(table).length + added.bytes.length;
      added.offsets.set(name, offset);
      added.bytes.push(...new TextEncoder().encode(name), 0);
    }
    return offset;
  }
}

function aligned(offset: number): number {
  return Math.ceil(offset / contentAlign) * contentAlign;
}
