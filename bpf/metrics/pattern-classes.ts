/** Code points, first and last, inclusive. */
export type Ranges = readonly (readonly [number, number])[];

const maxCodePoint = 0x10ffff;
/** Characters in pairs, first and last: `09AZ`. */
export const codes = (pairs: string): Ranges =>
  Array.from({ length: pairs.length / 2 }, (_, i) => [pairs.charCodeAt(2 * i), pairs.charCodeAt(2 * i + 1)] as const);

/** RE2's \s has no vertical tab; [[:space:]] has. All are ASCII there. */
const perlClasses: ReadonlyMap<string, Ranges> = new Map([
  ['d', codes('09')],
  ['s', codes('\t\n\f\r  ')],
  ['w', codes('09AZ__az')],
]);
/** The names in `[[:alpha:]]`. */
export const posixClasses: ReadonlyMap<string, Ranges> = new Map([
  ['alnum', codes('09AZaz')],
  ['alpha', codes('AZaz')],
  ['blank', codes('\t\t  ')],
  ['digit', codes('09')],
  ['lower', codes('az')],
  ['punct', codes('!/:@[`{~')],
  ['space', codes('\t\r  ')],
  ['upper', codes('AZ')],
  ['word', codes('09AZ__az')],
  ['xdigit', codes('09AFaf')],
]);
/** What `\n` and its like stand for. */
export const controls: ReadonlyMap<string, number> = new Map([
  ['a', 7],
  ['f', 12],
  ['n', 10],
  ['r', 13],
  ['t', 9],
  ['v', 11],
]);

const complement = (ranges: Ranges): Ranges => {
  const sorted = ranges.toSorted((a, b) => a[0] - b[0]);
  const gaps: (readonly [number, number])[] = [];
  let next = 0;
  for (const [first, last] of sorted) {
    if (first > next) gaps.push([next, first - 1]);
    next = Math.max(next, last + 1);
  }
  if (next <= maxCodePoint) gaps.push([next, maxCodePoint]);
  return gaps;
};

/** \d, \D and so on; undefined for what is no class. */
export function perlClass(character: string): Ranges | undefined {
  const lower = character.toLowerCase();
  const ranges = perlClasses.get(lower);
  return ranges === undefined || lower === character ? ranges : complement(ranges);
}
