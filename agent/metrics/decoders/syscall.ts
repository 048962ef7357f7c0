import { type Decoder, showing, textOf } from './decoder.ts';
import { integerIn } from './numbers-in.ts';
import { syscallNames } from './syscall-names.ts';

/** `0` to `read`, by the numbers of this machine's architecture (Node's name for it); else `unknown_syscall:TEXT`. */
export function syscallDecoder(architecture: string): Decoder {
  const names = syscallNames(architecture);
  return showing((input) => {
    const text = textOf(input);
    return names.get(Number(integerIn(text) ?? -1)) ?? `unknown_syscall:${text}`;
  });
}
