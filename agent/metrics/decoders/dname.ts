import type { Decoder } from './decoder.ts';

/** RFC 1035, 2.3.4; two bits above say compression pointer, which a key cannot follow. */
const maxLabelBytes = 63;
const dot = 0x2e;

/**
 * A domain name in DNS wire format to text: `\x03www\x02io\0` is `www.io`, the root `.`. What follows the root label is
 * padding of the key; a name without one ends with the input. What is no name stays as it is.
 */
export const dnameDecoder = (): Decoder => ({
  decode: (input) => {
    const name: number[] = [];
    for (let at = 0; at < input.length; ) {
      const length = input[at] ?? 0;
      if (length === 0) break;
      const end = at + 1 + length;
      if (length > maxLabelBytes || end > input.length) return Uint8Array.from(input);
      if (name.length > 0) name.push(dot);
      name.push(...input.subarray(at + 1, end));
      at = end;
    }
    return Uint8Array.from(name.length === 0 ? [dot] : name);
  },
});
