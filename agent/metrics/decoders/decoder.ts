import type { NameSource } from './fresh.ts';

/** One step from a map's bytes to a label's value. What it gives depends on its input alone, and on the machine's state. */
export interface Decoder {
  /** Never throws, waits for nothing, and keeps nothing of `input`. Undefined: the series is left out. */
  decode(input: Uint8Array): Uint8Array | undefined;
  /** Where it looks names up, if it does. */
  readonly names?: NameSource;
}

/** Several, one after the other. */
export interface DecoderChain {
  /** As a decoder's. */
  decode(input: Uint8Array): Uint8Array | undefined;
  /** Where they look names up; none twice. */
  readonly names: readonly NameSource[];
}

/** A decoder that always has something to show, as text. */
export const showing = (show: (input: Uint8Array) => string): Decoder => ({
  decode: (input) => Buffer.from(show(input)),
});

/** One that looks it up in `names`. */
export const naming = (names: NameSource, show: (input: Uint8Array) => string): Decoder => ({
  ...showing(show),
  names,
});

/** As UTF-8; what is none becomes U+FFFD. */
export const textOf = (input: Uint8Array): string =>
  Buffer.from(input.buffer, input.byteOffset, input.length).toString();

/** For bytes of a length that a decoder makes nothing of: visible, and told apart. */
export const unreadable = (input: Uint8Array): string =>
  `?${Buffer.from(input.buffer, input.byteOffset, input.length).toString('hex')}`;
