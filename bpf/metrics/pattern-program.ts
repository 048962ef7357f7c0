import { type Assertion, type CharacterSet, type Pattern, PatternError, parsePattern } from './pattern.ts';

/** A pattern as a little program: a state machine whose states are its instructions. */
export type Instruction =
  | { readonly op: 'set'; readonly set: CharacterSet }
  | { readonly op: 'assert'; readonly assert: Assertion }
  | { readonly op: 'save'; readonly slot: number }
  | { readonly op: 'jump'; readonly to: number }
  /** Tries `to`, and where that leads nowhere `orElse`. */
  | { readonly op: 'split'; readonly to: number; readonly orElse: number }
  | { readonly op: 'match' };

export interface PatternProgram {
  readonly instructions: readonly Instruction[];
  readonly groups: number;
}

/** A match costs at most this many steps for each character of the input, and a bit of memory for each. */
export const maxInstructions = 512;

/** Throws PatternError. */
export function compilePattern(text: string): PatternProgram {
  const { root, groups } = parsePattern(text);
  const instructions: Instruction[] = [];
  emit(root, instructions);
  push(instructions, { op: 'match' });
  return { instructions, groups };
}

/** Pushes at least one instruction, lest repetitions of nothing in repetitions of nothing run for ever. */
function emit(pattern: Pattern, to: Instruction[]): void {
  switch (pattern.kind) {
    case 'empty':
      reserve(to);
      return;
    case 'set':
      push(to, { op: 'set', set: pattern.set });
      return;
    case 'assert':
      push(to, { op: 'assert', assert: pattern.assert });
      return;
    case 'group':
      push(to, { op: 'save', slot: pattern.index * 2 });
      emit(pattern.inner, to);
      push(to, { op: 'save', slot: pattern.index * 2 + 1 });
      return;
    case 'sequence':
      if (pattern.parts.length === 0) reserve(to);
      for (const part of pattern.parts) emit(part, to);
      return;
    case 'choice':
      emitChoice(pattern.parts, to);
      return;
    case 'repeat':
      if (pattern.max === 0) reserve(to);
      for (let i = 0; i < pattern.min; i++) emit(pattern.inner, to);
      if (pattern.max === Number.POSITIVE_INFINITY) emitLoop(pattern.inner, pattern.greedy, to);
      else emitOptional(pattern.inner, pattern.max - pattern.min, pattern.greedy, to);
  }
}

/** a|b|c: the first that leads to a match wins, as in Perl and RE2. */
function emitChoice(parts: readonly Pattern[], to: Instruction[]): void {
  const ends: number[] = [];
  for (const [i, part] of parts.entries()) {
    const last = i === parts.length - 1;
    const split = last ? undefined : reserve(to);
    emit(part, to);
    if (split === undefined) break;
    ends.push(reserve(to));
    to[split] = { op: 'split', to: split + 1, orElse: to.length };
  }
  for (const end of ends) to[end] = { op: 'jump', to: to.length };
}

function emitLoop(inner: Pattern, greedy: boolean, to: Instruction[]): void {
  const split = reserve(to);
  emit(inner, to);
  push(to, { op: 'jump', to: split });
  to[split] = splitOf(greedy, split + 1, to.length);
}

function emitOptional(inner: Pattern, times: number, greedy: boolean, to: Instruction[]): void {
  const splits: number[] = [];
  for (let i = 0; i < times; i++) {
    splits.push(reserve(to));
    emit(inner, to);
  }
  for (const split of splits) to[split] = splitOf(greedy, split + 1, to.length);
}

const splitOf = (greedy: boolean, inside: number, behind: number): Instruction =>
  greedy ? { op: 'split', to: inside, orElse: behind } : { op: 'split', to: behind, orElse: inside };

/** A place for an instruction that depends on what follows; until then it does nothing. */
function reserve(to: Instruction[]): number {
  push(to, { op: 'jump', to: to.length + 1 });
  return to.length - 1;
}

function push(to: Instruction[], instruction: Instruction): void {
  if (to.length >= maxInstructions)
    throw new PatternError(`its repetitions unfold to more than ${maxInstructions} steps`);
  to.push(instruction);
}
