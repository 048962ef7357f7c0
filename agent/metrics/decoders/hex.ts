import { type Decoder, showing } from './decoder.ts';

/** Two lower-case digits a byte, in memory order, without 0x. */
export const hexDecoder = (): Decoder => showing((input) => Buffer.from(input).toString('hex'));
