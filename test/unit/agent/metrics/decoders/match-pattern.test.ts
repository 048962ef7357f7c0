import * as fc from 'fast-check';
import { PatternMatcher } from '../../../../../agent/metrics/decoders/match-pattern.ts';
import { type CharacterSet, PatternError } from '../../../../../bpf/metrics/pattern.ts';
import { compilePattern } from '../../../../../bpf/metrics/pattern-program.ts';

const match = (pattern: string, text: string) => new PatternMatcher(compilePattern(pattern)).match(text);

test.each<[string, string, (string | undefined)[] | undefined]>([
  ['', 'abc', ['']],
  ['b', 'abc', ['b']],
  ['d', 'abc', undefined],
  // Leftmost, then what stands first.
  ['a|ab', 'ab', ['a']],
  ['ab|a', 'ab', ['ab']],
  ['b|a|', 'ab', ['a']],
  // Greedy and lazy.
  ['a*', 'aaa', ['aaa']],
  ['a*?', 'aaa', ['']],
  ['a+?', 'aaa', ['a']],
  ['<.*>', '<a><b>', ['<a><b>']],
  ['<.*?>', '<a><b>', ['<a>']],
  ['(?U)<.*>', '<a><b>', ['<a>']],
  ['a?b', 'b', ['b']],
  ['a{2}', 'aaaa', ['aa']],
  ['a{2,}', 'aaaa', ['aaaa']],
  ['a{2,3}', 'aaaa', ['aaa']],
  ['^a{2,3}$', 'aaaa', undefined],
  ['a{2,3}?', 'aaaa', ['aa']],
  ['a{0}b', 'ab', ['b']],
  ['a{,2}', 'a{,2}', ['a{,2}']],
  ['a{x', 'a{x', ['a{x']],
  // Groups, the last turn of a loop, one that took no part.
  ['(a)|(b)', 'b', ['b', undefined, 'b']],
  ['(?:(a)|(b))*', 'ab', ['ab', 'a', 'b']],
  ['(?P<name>a)(?<other>b)', 'ab', ['ab', 'a', 'b']],
  ['((a)b)+', 'abab', ['abab', 'ab', 'a']],
  // A group of a way that led nowhere is forgotten.
  ['(?:(a)x|ab)', 'ab', ['ab', undefined]],
  // Classes.
  ['[a-c]+', 'xabcd', ['abc']],
  ['[^a-c]+', 'abxyc', ['xy']],
  ['[]a]+', 'a]b', ['a]']],
  ['[^]a]+', 'a]bc', ['bc']],
  ['[a-]+', 'b-a', ['-a']],
  ['[\\d_]+', 'a1_2b', ['1_2']],
  ['[\\D]+', 'a1', ['a']],
  ['[[:alpha:]_]+', '1ab_c', ['ab_c']],
  ['[\\]\\\\]+', 'a\\]', ['\\]']],
  ['\\d+', 'a12', ['12']],
  ['\\w+', '- a_1é', ['a_1']],
  ['\\W+', 'a- b', ['- ']],
  ['\\s\\S', 'a\t b ', [' b']],
  ['\\.', 'a.', ['.']],
  ['\\x41\\x{42}\\t', 'AB\t', ['AB\t']],
  ['.', '\n', undefined],
  ['(?s).', '\n', ['\n']],
  // Places.
  ['^b', 'a\nb', undefined],
  ['(?m)^b', 'a\nb', ['b']],
  ['a$', 'a\nb', undefined],
  ['(?m)a$', 'a\nb', ['a']],
  ['\\Aa\\z', 'a', ['a']],
  ['\\bb', 'ab b', ['b']],
  ['a\\Bb', 'ab', ['ab']],
  ['a\\b', 'ab', undefined],
  // Case.
  ['(?i)kube', 'KuBe', ['KuBe']],
  ['(?i:a)b', 'AB', undefined],
  ['(?i)[^a]', 'A', undefined],
  ['(a(?i)b)c', 'aBC', undefined],
  ['(?i)a(?-i)b', 'AB', undefined],
  // Code points, not halves of them.
  ['^.$', '😀', ['😀']],
  ['[😀-😂]', '😁', ['😁']],
  // Loops of nothing end.
  ['(a*)*', 'b', ['', undefined]],
  ['(?:)*a', 'a', ['a']],
  ['(|a)+b', 'ab', ['ab', 'a']],
])('%s on %j', (pattern, text, wanted) => {
  const found = match(pattern, text);
  // A group of an empty turn may be '' or absent; the whole match is what counts there.
  if (pattern === '(a*)*' || pattern === '(|a)+b') expect(found?.[0]).toBe(wanted?.[0]);
  else expect(found).toEqual(wanted);
});

test.each([
  ['(', 'not closed'],
  [')', 'unopened'],
  ['a**', 'quantifier'],
  ['*a', 'nothing to repeat'],
  ['a{2}{3}', 'quantifier'],
  ['a{3,2}', 'repetition'],
  ['a{1001}', 'repetition'],
  ['[a', 'ends too early'],
  ['[b-a]', 'range'],
  ['[a-\\d]', 'range'],
  ['[[:foo:]]', 'not supported'],
  ['\\', 'ends too early'],
  ['\\1', 'not supported'],
  ['\\pL', 'not supported'],
  ['\\Qa', 'not supported'],
  ['\\x4', 'code point'],
  ['\\x{110000}', 'code point'],
  ['(?=a)', 'look-around'],
  ['(?<!a)b', 'look-around'],
  ['a'.repeat(257), 'longer'],
  ['(?:a{100}){100}', 'unfold'],
  [`${'('.repeat(30)}${'){1000}'.repeat(30)}`, 'unfold'],
])('refuses %s', (pattern, why) => {
  expect(() => compilePattern(pattern)).toThrow(PatternError);
  expect(() => compilePattern(pattern)).toThrow(why);
});

test('takes a pattern of 256 characters', () => {
  expect(match('a'.repeat(256), 'a'.repeat(256))?.[0]).toHaveLength(256);
});

// An engine that backtracks without end needs longer than the universe for any of these.
test.each(['(a*)*b', '(a|a)*b', '(a+)+$b', '(?:a?){64}a{64}b', 'a*a*a*a*a*a*a*a*b', '(.*)(.*)(.*)(.*)(.*)[^a]x'])(
  '%s ends',
  (pattern) => {
    expect(match(pattern, 'a'.repeat(256))).toBeUndefined();
  },
);

// The same as JavaScript's own engine, on patterns that both understand alike.
test('agrees with JavaScript', () => {
  const atoms = ['a', 'b', '.', '[ab]', '[^a]', '(a)', '(?:ab)', '(a|b)', '\\b', '^', '$'];
  const quantifiers = ['', '*', '+', '?', '*?', '{2}', '{1,2}'];
  const texts = ['', 'a', 'b', 'ab', 'ba', 'aab', 'abab', 'bbaa', 'cab'];
  let compared = 0;
  for (const first of atoms) {
    for (const second of atoms) {
      for (const [i, quantifier] of quantifiers.entries()) {
        const other = quantifiers[(i * 3 + 1) % quantifiers.length] ?? '';
        const pattern = `${first}${/[\^$b]$/.test(first) && first.length < 3 && first !== 'b' ? '' : quantifier}(?:${second})${other}`;
        for (const text of texts) {
          const wanted = new RegExp(pattern, 'u').exec(text);
          expect([pattern, text, match(pattern, text)]).toEqual([
            pattern,
            text,
            wanted === null ? undefined : [...wanted],
          ]);
          compared++;
        }
      }
    }
  }
  expect(compared).toBe(atoms.length ** 2 * quantifiers.length * texts.length);
});

test('any pattern is refused with a reason, or ends, whatever the text', () => {
  const characters = fc.constantFrom(...'ab-^$.*+?{}()[]|\\,:=!<>P0123dwsbxiUms😀 \n');
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '-', '😀', '\n', '1'), maxLength: 40 });
  fc.assert(
    fc.property(fc.string({ unit: characters, maxLength: 24 }), text, (pattern, subject) => {
      let program: ReturnType<typeof compilePattern>;
      try {
        program = compilePattern(pattern);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(PatternError);
        return;
      }
      const found = new PatternMatcher(program).match(subject);
      expect(found === undefined || (found.length === program.groups + 1 && subject.includes(found[0] ?? '?'))).toBe(
        true,
      );
    }),
    { numRuns: 3000 },
  );
});

test('a set is asked once about each character of a text, however often it is repeated', () => {
  let asked = 0;
  const program = compilePattern('(?i)(?:[^α-ω]?){250}b');
  const counting = new Map<CharacterSet, CharacterSet>();
  const counted = (set: CharacterSet): CharacterSet => {
    const { ranges, negated, fold } = set;
    const known = counting.get(set) ?? {
      get ranges() {
        asked++;
        return ranges;
      },
      negated,
      fold,
    };
    counting.set(set, known);
    return known;
  };
  const matcher = new PatternMatcher({
    ...program,
    instructions: program.instructions.map((each) => (each.op === 'set' ? { ...each, set: counted(each.set) } : each)),
  });
  asked = 0;
  expect(matcher.match('яю'.repeat(64))).toBeUndefined();
  // Two sets, two characters, each as it is and in two cases; and other texts are asked about anew.
  expect(asked).toBeLessThanOrEqual(2 * 2 * 3);
  expect(matcher.match('α'.repeat(128))).toBeUndefined();
  expect(matcher.match('яb')).toEqual(['яb']);
});
