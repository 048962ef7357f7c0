/** One step from a map's bytes to a label's value. What it gives depends on its input alone, and on the machine's state. */
export interface Decoder {
  /** Never throws, and keeps nothing of `input`. Undefined: the series is left out. */
  decode(input: Uint8Array): Uint8Array | undefined;
}

/** A decoder that always has something to show, as text. */
export const showing = (show: (input: Uint8Array) => string): Decoder => ({
  decode: (input) => Buffer.from(show(input)),
});

/** As UTF-8; what is none becomes U+FFFD. */
export const textOf = (input: Uint8Array): string =>
  Buffer.from(input.buffer, input.byteOffset, input.length).toString();

/** For bytes of a length that a decoder makes nothing of: visible, and told apart. */
export const unreadable = (input: Uint8Array): string =>
  `?${Buffer.from(input.buffer, input.byteOffset, input.length).toString('hex')}`;
