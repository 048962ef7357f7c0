import { type Decoder, showing, unreadable } from './decoder.ts';
import { signedOf, unsignedOf } from './numbers-in.ts';

/** 1, 2, 4 or 8 bytes to the enumerator's name; a value without one in decimal. */
export const enumDecoder = (enumerators: ReadonlyMap<bigint, string>): Decoder =>
  showing((input) => {
    const value = unsignedOf(input);
    if (value === undefined) return unreadable(input);
    return enumerators.get(value) ?? enumerators.get(signedOf(input) ?? value) ?? String(value);
  });
