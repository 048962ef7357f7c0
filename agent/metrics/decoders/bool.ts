import { type Decoder, showing } from './decoder.ts';

/** `false` where all bytes are zero, else `true`. */
export const boolDecoder = (): Decoder => showing((input) => String(input.some((byte) => byte !== 0)));
