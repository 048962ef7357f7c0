import { type Decoder, showing, unreadable } from './decoder.ts';
import { unsignedOf } from './numbers-in.ts';

/** 1, 2, 4 or 8 bytes to decimal. */
export const uintDecoder = (): Decoder => showing((input) => String(unsignedOf(input) ?? unreadable(input)));
