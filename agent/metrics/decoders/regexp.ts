import { compilePattern } from '../../../bpf/metrics/pattern-program.ts';
import { type Decoder, textOf } from './decoder.ts';
import { PatternMatcher } from './match-pattern.ts';

/** What is behind is not looked at: no label's value is longer, and a match costs so much the more. */
const maxInputBytes = 256;

/**
 * The first pattern that matches anywhere in the text counts: of one group its text, else the whole match. Where none
 * does, the series is left out. Throws PatternError.
 */
export function regexpDecoder(patterns: readonly string[]): Decoder {
  const matchers = patterns.map((pattern) => new PatternMatcher(compilePattern(pattern)));
  return {
    decode: (input) => {
      const text = textOf(input.subarray(0, maxInputBytes));
      for (const matcher of matchers) {
        const match = matcher.match(text);
        if (match !== undefined) return Buffer.from((matcher.groups === 1 ? match[1] : match[0]) ?? '');
      }
      return undefined;
    },
  };
}
