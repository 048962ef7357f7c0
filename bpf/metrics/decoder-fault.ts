import type { DecoderSpec } from '../../crds/decoder.ts';
import { FormatError, parseNumberFormat } from './decoder-format.ts';
import { PatternError } from './pattern.ts';
import { compilePattern } from './pattern-program.ts';

/** Of all patterns of a decoder: one input costs some milliseconds at worst, and a scrape must let others run. */
export const maxPatternSteps = 1024;

/** What is wrong with a decoder's parameters that a schema cannot tell, where, and undefined where nothing is. */
export function decoderFault({ regexps = [], format }: DecoderSpec): { path: string; message: string } | undefined {
  let steps = 0;
  for (const [i, pattern] of regexps.entries()) {
    const message = messageOf(() => {
      steps += compilePattern(pattern).instructions.length;
    });
    if (message !== undefined) return { path: `regexps[${i}]`, message };
  }
  if (steps > maxPatternSteps) {
    return { path: 'regexps', message: `they unfold to ${steps} steps together, and ${maxPatternSteps} are allowed` };
  }
  const message = format === undefined ? undefined : messageOf(() => parseNumberFormat(format));
  return message === undefined ? undefined : { path: 'format', message };
}

function messageOf(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (thrown) {
    if (thrown instanceof PatternError || thrown instanceof FormatError) return thrown.message;
    throw thrown;
  }
}
