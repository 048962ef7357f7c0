import { maxObjectBytes, maxSections } from './limits.ts';
import { ObjectError } from './object-error.ts';
import { Region } from './region.ts';

/** Where the section headers are. Everything else in the header was checked. */
export interface ElfHeader {
  readonly sectionHeadersOffset: number;
  readonly sectionCount: number;
  readonly sectionNamesIndex: number;
}

/** Bytes of a section header, `Elf64_Shdr`. */
export const sectionHeaderBytes = 64;

const headerBytes = 64;
const [classOffset, dataOffset] = [4, 5];
const [class32, class64, dataLittle, dataBig] = [1, 2, 1, 2];
const typeRelocatable = 1;
const machineBpf = 247;
const machineBigEndianOffset = 18;
/** Clang before 2017 wrote EM_NONE, and libbpf takes it for BPF. */
const machineNone = 0;

/** ELF machine numbers of what people compile by mistake (include/uapi/linux/elf-em.h). */
const machineNames: ReadonlyMap<number, string> = new Map([
  [3, 'i386'],
  [8, 'MIPS'],
  [20, 'PowerPC'],
  [21, 'PowerPC 64-bit'],
  [22, 's390'],
  [40, 'ARM'],
  [62, 'x86-64'],
  [183, 'ARM64'],
  [224, 'AMD GPU'],
  [243, 'RISC-V'],
  [258, 'LoongArch'],
]);

/** What a user may have put where an object belongs: how the bytes begin, what that is, what to do. */
const mistakes: readonly { readonly start: string; readonly what: string; readonly hint: string }[] = [
  { start: '\x1f\x8b', what: 'a gzip file', hint: 'decompress it once more' },
  { start: '\x28\xb5\x2f\xfd', what: 'a zstd file', hint: 'decompress it' },
  { start: 'BC\xc0\xde', what: 'LLVM bitcode', hint: 'compile without -emit-llvm, or run llc -march=bpf' },
  { start: 'f0VMR', what: 'an ELF in base64', hint: 'decode it; in a ConfigMap it belongs under binaryData' },
  { start: '!<arch>', what: 'a static library', hint: 'give the object file itself' },
];

const compileHint = 'compile with clang -target bpf';

/** The ELF64 header of a little-endian BPF object file; everything else is refused by what it is. */
export function readElfHeader(bytes: Uint8Array): ElfHeader {
  if (bytes.length === 0) throw new ObjectError('Empty', 'the object is empty');
  if (bytes.length > maxObjectBytes) {
    const limit = maxObjectBytes;
    throw new ObjectError('TooLarge', `the object has ${bytes.length} bytes, ${limit} are allowed`, { limit });
  }
  const file = new Region(bytes);
  if (String.fromCharCode(...bytes.subarray(0, 4)) !== '\x7fELF') throw notAnElf(bytes);
  if (bytes.length <= machineBigEndianOffset + 1)
    throw new ObjectError('Truncated', `an ELF header of ${bytes.length} bytes`, { offset: bytes.length });

  // Class and byte order say how to read the rest, so they come first; but what is for another machine is best called that.
  const data = file.u8(dataOffset);
  const machine =
    data === dataBig
      ? file.u8(machineBigEndianOffset) * 256 + file.u8(machineBigEndianOffset + 1)
      : file.u16(machineBigEndianOffset);
  checkIdentity(file.u8(classOffset), data, machine);
  if (bytes.length < headerBytes)
    throw new ObjectError('Truncated', `an ELF header of ${bytes.length} bytes`, { offset: bytes.length });
  if (file.u16(16) !== typeRelocatable) {
    throw new ObjectError('NotBPF', 'a linked file, not an object file', { offset: 16, hint: 'compile with -c' });
  }
  return readSectionTable(file);
}

function checkIdentity(elfClass: number, data: number, machine: number): void {
  if (machine !== machineBpf && machine !== machineNone) {
    const name = machineNames.get(machine) ?? `machine ${machine}`;
    const bits = elfClass === class32 ? ', 32-bit' : '';
    throw new ObjectError(elfClass === class32 ? 'Elf32' : 'NotBPF', `${name} object${bits}, not BPF`, {
      offset: machineBigEndianOffset,
      hint: compileHint,
    });
  }
  if (elfClass === class32)
    throw new ObjectError('Elf32', 'a 32-bit ELF, a BPF object has 64', { offset: classOffset, hint: compileHint });
  if (elfClass !== class64) throw new ObjectError('BadHeader', `ELF class ${elfClass}`, { offset: classOffset });
  if (data === dataBig) {
    const hint = 'compile with clang -target bpfel';
    throw new ObjectError('BigEndian', 'a big-endian object; only little-endian machines are supported', {
      offset: dataOffset,
      hint,
    });
  }
  if (data !== dataLittle) throw new ObjectError('BadHeader', `ELF byte order ${data}`, { offset: dataOffset });
}

function readSectionTable(file: Region): ElfHeader {
  const sectionHeadersOffset = file.u64(40);
  const entryBytes = file.u16(58);
  const sectionNamesIndex = file.u16(62);
  let sectionCount = file.u16(60);
  if (sectionHeadersOffset === 0) throw new ObjectError('BadHeader', 'no section headers', { offset: 40 });
  if (entryBytes !== sectionHeaderBytes)
    throw new ObjectError('BadHeader', `section headers of ${entryBytes} bytes`, { offset: 58 });
  // "If the number of sections is greater than or equal to SHN_LORESERVE (0xff00), this member has the value zero and
  // the actual number … is contained in the sh_size field of the section header at index 0" (System V ABI, gABI 4.1).
  if (sectionCount === 0) sectionCount = file.u64(sectionHeadersOffset + 32);
  if (sectionCount > maxSections) {
    throw new ObjectError('TooLarge', `${sectionCount} sections, ${maxSections} are allowed`, {
      offset: 60,
      limit: maxSections,
    });
  }
  if (sectionHeadersOffset + sectionCount * sectionHeaderBytes > file.length) {
    throw new ObjectError(
      'Truncated',
      `${sectionCount} section headers at ${sectionHeadersOffset}, the file ends at ${file.length}`,
      {
        offset: sectionHeadersOffset,
        hint: 'the file is incomplete',
      },
    );
  }
  if (sectionNamesIndex >= sectionCount)
    throw new ObjectError('BadHeader', `section names in section ${sectionNamesIndex} of ${sectionCount}`, {
      offset: 62,
    });
  return { sectionHeadersOffset, sectionCount, sectionNamesIndex };
}

function notAnElf(bytes: Uint8Array): ObjectError {
  const start = String.fromCharCode(...bytes.subarray(0, 16));
  const mistake = mistakes.find((known) => start.startsWith(known.start));
  if (mistake !== undefined)
    return new ObjectError('NotAnELF', `not an ELF: ${mistake.what}`, { offset: 0, hint: mistake.hint });
  const what = /^[\t\n\r -~]+$/.test(start) ? 'not an ELF: text' : 'not an ELF';
  return new ObjectError('NotAnELF', what, { offset: 0, hint: compileHint });
}
