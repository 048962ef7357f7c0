const view = (input: Uint8Array): DataView => new DataView(input.buffer, input.byteOffset, input.length);

/** The number in 1, 2, 4 or 8 little-endian bytes; undefined for any other length. */
export function unsignedOf(input: Uint8Array): bigint | undefined {
  switch (input.length) {
    case 1:
      return BigInt(input[0] ?? 0);
    case 2:
      return BigInt(view(input).getUint16(0, true));
    case 4:
      return BigInt(view(input).getUint32(0, true));
    case 8:
      return view(input).getBigUint64(0, true);
    default:
      return undefined;
  }
}

/** The same bytes, two's complement. */
export function signedOf(input: Uint8Array): bigint | undefined {
  const unsigned = unsignedOf(input);
  return unsigned === undefined ? undefined : BigInt.asIntN(input.length * 8, unsigned);
}

/** What the decoders of ebpf_exporter read that "only look at the first four bytes". Undefined where there are fewer. */
export function firstU32(input: Uint8Array): number | undefined {
  return input.length < 4 ? undefined : view(input).getUint32(0, true);
}

/** A whole decimal number of at most 20 digits (those of a u64). */
export function integerIn(text: string): bigint | undefined {
  return /^-?\d{1,20}$/.test(text) ? BigInt(text) : undefined;
}
