import type { Assertion, CharacterSet } from '../../../bpf/metrics/pattern.ts';
import type { PatternProgram } from '../../../bpf/metrics/pattern-program.ts';

/**
 * The leftmost match anywhere in the text, preferring what stands first in the pattern, as Perl and RE2 do: the whole
 * match, then each group's (undefined where it took no part). Undefined where nothing matches.
 *
 * A backtracking search that never tries an instruction at the same place twice (RE2's bit-state search): whatever
 * follows from there has failed before. So at most instructions × characters steps, whoever wrote pattern and text.
 */
export function matchPattern(
  { instructions, groups }: PatternProgram,
  text: string,
): (string | undefined)[] | undefined {
  const points = Uint32Array.from(text, (character) => character.codePointAt(0) ?? 0);
  const width = points.length + 1;
  const tried = new Uint8Array(Math.ceil((instructions.length * width) / 8));
  for (let start = 0; start < width; start++) {
    const slots = search(start);
    if (slots === undefined) continue;
    const part = (from: number, to: number): string => String.fromCodePoint(...points.subarray(from, to));
    return Array.from({ length: groups + 1 }, (_, group) => {
      const [from = -1, to = -1] = slots.subarray(group * 2, group * 2 + 2);
      return from < 0 || to < 0 ? undefined : part(from, to);
    });
  }
  return undefined;

  function search(start: number): Int32Array | undefined {
    const slots = new Int32Array(2 * (groups + 1)).fill(-1);
    slots[0] = start;
    // Left to try: an instruction and a place; or, with -1 - slot as the instruction, a slot's former value.
    const open: number[] = [0, start];
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
        const instruction = instructions[pc];
        if (instruction === undefined) break;
        if (instruction.op === 'match') {
          slots[1] = at;
          return slots;
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
          const point = points[at];
          if (point === undefined || !contains(instruction.set, point)) break;
          pc++;
          at++;
        }
      }
    }
    return undefined;
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
