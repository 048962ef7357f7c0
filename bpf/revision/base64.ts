/** Where base64 text stops making sense. */
export interface Base64Problem {
  /** In characters. */
  readonly offset: number;
  readonly problem: string;
}

/**
 * The bytes of base64 text (RFC 4648 section 4), with line breaks and spaces between characters as `base64` and YAML put
 * them. Unlike the platform's decoder it drops nothing: a character that does not belong is a problem with a place.
 */
export function decodeBase64(text: string): Uint8Array | Base64Problem {
  const out = new Uint8Array(Math.floor((text.length * 3) / 4));
  let length = 0;
  let bits = 0;
  let bitCount = 0;
  let padding = 0;
  for (let offset = 0; offset < text.length; offset++) {
    const code = text.charCodeAt(offset);
    if (code === 0x20 || (code >= 0x09 && code <= 0x0d)) continue;
    if (code === 0x3d) {
      padding++;
      continue;
    }
    const digit = digitOf(code);
    if (digit < 0) return { offset, problem: `character ${JSON.stringify(text.charAt(offset))}` };
    if (padding > 0) return { offset, problem: 'more text after the padding' };
    bits = ((bits << 6) | digit) & 0xffffff;
    bitCount += 6;
    if (bitCount >= 8) {
      bitCount -= 8;
      out[length++] = (bits >> bitCount) & 0xff;
    }
  }
  // 8 bits in two digits leave 4 over, 16 in three leave 2; a lone digit leaves 6. Padding fills the group of four.
  const missing = { 0: 0, 4: 2, 2: 1 }[bitCount];
  if (missing === undefined || padding !== missing)
    return { offset: text.length, problem: 'the text ends within a group of four' };
  return out.subarray(0, length);
}

function digitOf(code: number): number {
  if (code >= 0x41 && code <= 0x5a) return code - 0x41; // A–Z
  if (code >= 0x61 && code <= 0x7a) return code - 0x61 + 26; // a–z
  if (code >= 0x30 && code <= 0x39) return code - 0x30 + 52; // 0–9
  if (code === 0x2b) return 62; // +
  return code === 0x2f ? 63 : -1; // /
}
