import { type Decoder, showing, unreadable } from './decoder.ts';
import { signedOf } from './numbers-in.ts';

/** 1, 2, 4 or 8 bytes to decimal, with a sign. */
export const intDecoder = (): Decoder => showing((input) => String(signedOf(input) ?? unreadable(input)));
