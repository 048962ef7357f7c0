import type { DecoderSpec } from '../../crds/decoder.ts';
import { FormatError, parseNumberFormat } from './decoder-format.ts';
import { PatternError } from './pattern.ts';
import { compilePattern } from './pattern-program.ts';

/** What is wrong with a decoder's parameters that a schema cannot tell, where, and undefined where nothing is. */
export function decoderFault({ regexps = [], format }: DecoderSpec): { path: string; message: string } | undefined {
  for (const [i, pattern] of regexps.entries()) {
    const message = messageOf(() => compilePattern(pattern));
    if (message !== undefined) return { path: `regexps[${i}]`, message };
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
