import type { Assertion, CharacterSet } from '../../../bpf/metrics/pattern.ts';
import type { Instruction, PatternProgram } from '../../../bpf/metrics/pattern-program.ts';

/**
 * Finds a pattern in texts, by a backtracking search that never tries an instruction at the same place twice (RE2's
 * bit-state search): whatever follows from there has failed before. So at most instructions × characters steps, whoever
 * wrote pattern and text.
 */
export class PatternMatcher {
  readonly groups: number;
  readonly #instructions: readonly Instruction[];
  /** Of each instruction that takes a character: which of ASCII's, a byte each. */
  readonly #ascii: readonly (Uint8Array | undefined)[];
  /** Of the text at hand: which of its other characters a set has. Ranges and cases are dear, and asked for often. */
  readonly #beyond = new Map<CharacterSet, Map<number, boolean>>();
  readonly #slots: Int32Array;
  readonly #open: number[] = [];

  constructor({ instructions, groups }: PatternProgram) {
    this.groups = groups;
    this.#instructions = instructions;
    // A repetition has the same set many times.
    const known = new Map<CharacterSet, Uint8Array>();
    this.#ascii = instructions.map((instruction) => {
      if (instruction.op !== 'set') return undefined;
      const { set } = instruction;
      const ascii = known.get(set) ?? Uint8Array.from({ length: 128 }, (_, code) => Number(contains(set, code)));
      known.set(set, ascii);
      return ascii;
    });
    this.#slots = new Int32Array(2 * (groups + 1));
  }

  /**
   * The leftmost match anywhere in the text, preferring what stands first in the pattern, as Perl and RE2 do: the whole
   * match, then each group's (undefined where it took no part). Undefined where nothing matches.
   */
  match(text: string): (string | undefined)[] | undefined {
    const points = Uint32Array.from(text, (character) => character.codePointAt(0) ?? 0);
    const width = points.length + 1;
    this.#beyond.clear();
    const tried = new Uint8Array(Math.ceil((this.#instructions.length * width) / 8));
    for (let start = 0; start < width; start++) {
      if (!this.#mayStart(points, start) || !this.#search(points, start, tried)) continue;
      const part = (from: number, to: number): string => String.fromCodePoint(...points.subarray(from, to));
      return Array.from({ length: this.groups + 1 }, (_, group) => {
        const [from = -1, to = -1] = this.#slots.subarray(group * 2, group * 2 + 2);
        return from < 0 || to < 0 ? undefined : part(from, to);
      });
    }
    return undefined;
  }

  /** Whether the instruction that comes first could hold there: most places of most texts are done with by this. */
  #mayStart(points: Uint32Array, at: number): boolean {
    let pc = 0;
    while (this.#instructions[pc]?.op === 'save') pc++;
    const first = this.#instructions[pc];
    if (first?.op === 'set') return this.#takes(pc, first.set, points[at]);
    return first?.op !== 'assert' || holds(first.assert, points, at);
  }

  #takes(pc: number, set: CharacterSet, point: number | undefined): boolean {
    if (point === undefined) return false;
    return point < 128 ? this.#ascii[pc]?.[point] === 1 : this.#takesBeyond(set, point);
  }

  #takesBeyond(set: CharacterSet, point: number): boolean {
    const known = this.#beyond.get(set) ?? new Map<number, boolean>();
    const takes = known.get(point) ?? contains(set, point);
    this.#beyond.set(set, known.set(point, takes));
    return takes;
  }

  /** Whether there is a match from `start` on, whose places are then in `#slots`. */
  #search(points: Uint32Array, start: number, tried: Uint8Array): boolean {
    const width = points.length + 1;
    const slots = this.#slots.fill(-1);
    slots[0] = start;
    // Left to try: an instruction and a place; or, with -1 - slot as the instruction, a slot's former value.
    const open = this.#open;
    open.length = 0;
    open.push(0, start);
    while (open.length > 0) {
      let at = open.pop() ?? 0;
      let pc = open.pop() ?? 0;
      if (pc < 0) {
        slots[-1 - pc] = at;
        continue;
      }
      for (;;) {
        const bit = pc * width + at;
        const seen = tried[bit >>> 3] ?? 0;
        if ((seen & (1 << (bit & 7))) !== 0) break;
        tried[bit >>> 3] = seen | (1 << (bit & 7));
        const instruction = this.#instructions[pc];
        if (instruction === undefined) break;
        if (instruction.op === 'match') {
          slots[1] = at;
          return true;
        }
        if (instruction.op === 'jump') pc = instruction.to;
        else if (instruction.op === 'split') {
          open.push(instruction.orElse, at);
          pc = instruction.to;
        } else if (instruction.op === 'save') {
          open.push(-1 - instruction.slot, slots[instruction.slot] ?? -1);
          slots[instruction.slot] = at;
          pc++;
        } else if (instruction.op === 'assert') {
          if (!holds(instruction.assert, points, at)) break;
          pc++;
        } else {
          if (!this.#takes(pc, instruction.set, points[at])) break;
          pc++;
          at++;
        }
      }
    }
    return false;
  }
}

function contains({ ranges, negated, fold }: CharacterSet, point: number): boolean {
  const inRanges = (code: number): boolean => ranges.some(([first, last]) => code >= first && code <= last);
  if (inRanges(point)) return !negated;
  if (!fold) return negated;
  const character = String.fromCodePoint(point);
  const cases = [character.toLowerCase(), character.toUpperCase()];
  return cases.some((other) => inRanges(other.codePointAt(0) ?? point)) !== negated;
}

function holds(assertion: Assertion, points: Uint32Array, at: number): boolean {
  switch (assertion) {
    case 'textStart':
      return at === 0;
    case 'textEnd':
      return at === points.length;
    case 'lineStart':
      return at === 0 || points[at - 1] === lineFeed;
    case 'lineEnd':
      return at === points.length || points[at] === lineFeed;
    default:
      return (isWord(points[at - 1]) !== isWord(points[at])) === (assertion === 'word');
  }
}

const lineFeed = 10;

/** [0-9A-Za-z_] */
const isWord = (point = 0): boolean => point < 0x80 && /\w/.test(String.fromCharCode(point));
