import {
  type ElfFile,
  type ElfSection,
  type ElfSymbol,
  sectionFlags,
  sectionTypes,
  symbolBinds,
  symbolTypes,
} from './elf.ts';
import { maxPrograms } from './limits.ts';
import { ObjectError } from './object-error.ts';
import { programTypeOf } from './section-names.ts';
import type { ProgramSpec } from './spec.ts';

/** Bytes of `struct bpf_insn`. */
export const instructionBytes = 8;

/** A program's function, with its size worked out where the compiler left it out. */
export interface ProgramFunction {
  readonly symbol: ElfSymbol;
  readonly section: ElfSection;
  readonly sizeBytes: number;
}

/** Sections of instructions: those of `.text` are subprograms, all others are programs, as libbpf has it. */
export function isProgramSection(section: ElfSection): boolean {
  return isCodeSection(section) && section.name !== '.text';
}

export function isCodeSection(section: ElfSection): boolean {
  return section.type === sectionTypes.progbits && (section.flags & sectionFlags.exec) !== 0 && section.size > 0;
}

/** In order of section, then offset. Throws NoPrograms where there is none. */
export function readPrograms(elf: ElfFile): ProgramSpec[] {
  const functions = elf.sections.filter(isCodeSection).flatMap((section) => functionsOf(elf, section));
  const programs = functions.filter(({ section }) => isProgramSection(section));
  if (programs.length === 0) {
    const text = elf.sectionNamed('.text');
    const hint =
      text !== undefined && text.size > 0
        ? 'its functions are in .text; give one a SEC("…")'
        : 'give a function a SEC("…")';
    throw new ObjectError('NoPrograms', 'the object has no programs', { hint });
  }
  if (programs.length > maxPrograms) {
    throw new ObjectError('TooLarge', `${programs.length} programs, ${maxPrograms} are allowed`, {
      limit: maxPrograms,
    });
  }
  return programs.map(({ symbol, section, sizeBytes }) => ({
    name: symbol.name,
    section: section.name,
    type: programTypeOf(section.name),
    insnCount: sizeBytes / instructionBytes,
  }));
}

/** The section's functions that are not static, in order of offset. */
export function functionsOf(elf: ElfFile, section: ElfSection): ProgramFunction[] {
  const symbols = elf.symbolsOf(section);
  const typed = symbols.filter((symbol) => symbol.type === symbolTypes.func);
  const functions = (typed.length > 0 ? typed : symbols).filter((symbol) => symbol.bind !== symbolBinds.local);
  return functions.map((symbol, i) => {
    // LLVM before 8 wrote no sizes: a function ends where the next one starts.
    const sizeBytes = symbol.size > 0 ? symbol.size : (functions[i + 1]?.value ?? section.size) - symbol.value;
    const place = { section: section.name, offset: symbol.value };
    if (sizeBytes === 0) throw new ObjectError('BadSymbol', `program ${symbol.name} is empty`, place);
    if (sizeBytes % instructionBytes !== 0 || symbol.value % instructionBytes !== 0) {
      throw new ObjectError(
        'BadSymbol',
        `program ${symbol.name} of ${sizeBytes} bytes is not made of instructions`,
        place,
      );
    }
    return { symbol, section, sizeBytes };
  });
}
