const fieldsOf = (bytes: Uint8Array): number[] =>
  Array.from({ length: 8 }, (_, i) => ((bytes[i * 2] ?? 0) << 8) | (bytes[i * 2 + 1] ?? 0));

/** ::ffff:0:0/96, an IPv4 address that a socket of IPv6 sees (RFC 4291, 2.5.5.2). */
const isMapped = (bytes: Uint8Array): boolean =>
  bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;

/**
 * An address of 4 or 16 bytes in network order as text, IPv6 as RFC 5952 has it: the longest run of two or more zero
 * fields, the first of equals, is `::`. An IPv4-mapped address is shown as IPv4, as Go's net.IP does.
 */
export function ipAddress(bytes: Uint8Array): string | undefined {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return undefined;
  if (isMapped(bytes)) return bytes.subarray(12).join('.');
  const fields = fieldsOf(bytes);
  let [gapAt, gapLength] = [0, 1];
  for (let from = 0; from < fields.length; from++) {
    let to = from;
    while (fields[to] === 0) to++;
    if (to - from > gapLength) [gapAt, gapLength] = [from, to - from];
  }
  const shown = (part: readonly number[]): string => part.map((field) => field.toString(16)).join(':');
  return gapLength < 2 ? shown(fields) : `${shown(fields.slice(0, gapAt))}::${shown(fields.slice(gapAt + gapLength))}`;
}
