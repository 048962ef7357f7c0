import type { Decoder } from './decoder.ts';

/** Up to the first NUL. Whoever renders it makes valid UTF-8 of it, as of every label's value. */
export const stringDecoder = (): Decoder => ({
  decode: (input) => {
    const end = input.indexOf(0);
    return Uint8Array.from(end < 0 ? input : input.subarray(0, end));
  },
});
