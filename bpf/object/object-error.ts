/** What is wrong with an object. Each code is one thing that a caller, or a user, would act on differently. */
export type ObjectErrorCode =
  | 'Empty' // no bytes at all
  | 'NotAnELF' // the first bytes are something else; the hint says what, where it can be told
  | 'Elf32' // a 32-bit ELF; BPF objects are 64-bit
  | 'BigEndian' // compiled with -target bpfeb
  | 'NotBPF' // an ELF for another machine, or a linked program
  | 'Truncated' // something points behind the end of the file or of its section
  | 'TooLarge' // over one of the limits in limits.ts; `limit` is its value
  | 'BadHeader' // the ELF header contradicts itself
  | 'BadSection' // a section's header or content cannot be so
  | 'BadSymbol' // a symbol points where there is nothing, or a program is not whole instructions
  | 'BadBTF' // type information that cannot be read
  | 'BadMap' // a map in SEC(".maps") that libbpf would refuse
  | 'LegacyMap' // a map in SEC("maps") that cannot be understood or upgraded
  | 'NoPrograms'; // a good object without anything to load

export interface ObjectErrorFacts {
  /** The section's name as written. */
  readonly section?: string;
  /** In bytes: from the start of the section where one is named, else of the file. */
  readonly offset?: number;
  /** Of TooLarge: what was allowed. */
  readonly limit?: number;
  /** What the user can do about it. */
  readonly hint?: string;
}

/** Thrown by everything in bpf/object. The message reads `read object: section .BTF at 0x12c: cause [hint]`. */
export class ObjectError extends Error {
  readonly code: ObjectErrorCode;
  readonly facts: ObjectErrorFacts;

  constructor(code: ObjectErrorCode, problem: string, facts: ObjectErrorFacts = {}) {
    super(render(problem, facts));
    this.name = 'ObjectError';
    this.code = code;
    this.facts = facts;
  }
}

function render(problem: string, { section, offset, hint }: ObjectErrorFacts): string {
  const place = [
    ...(section === undefined ? [] : [`section ${section}`]),
    ...(offset === undefined ? [] : [`at 0x${offset.toString(16)}`]),
  ].join(' ');
  return `read object: ${place === '' ? '' : `${place}: `}${problem}${hint === undefined ? '' : ` [${hint}]`}`;
}
