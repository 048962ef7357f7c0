import { type Decoder, showing, textOf } from './decoder.ts';
import { errnoNames } from './errno-names.ts';
import { integerIn } from './numbers-in.ts';

/** `32` or `-32` to `EPIPE`; anything else, 0 among it, `unknown:TEXT`. */
export function errnoDecoder(): Decoder {
  const names = errnoNames();
  return showing((input) => {
    const text = textOf(input);
    const number = Math.abs(Number(integerIn(text) ?? 0));
    return names.get(number) ?? `unknown:${text}`;
  });
}
