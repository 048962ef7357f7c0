const prefixBytes = 4;

/**
 * Whether a key of an LPM trie comes behind another in the kernel's walk, which goes in post-order: the longer of two
 * with the same beginning first, else the one with a 0 where they differ (trie_get_next_key in kernel/bpf/lpm_trie.c,
 * since Linux 4.16). A key is the number of its bits (u32), then as many bytes as the map's keys have; equal keys are
 * not behind each other, whatever their bytes have beyond those bits.
 */
export function isBehindInTrie(key: Buffer, other: Buffer): boolean {
  const bits = key.readUInt32LE();
  const otherBits = other.readUInt32LE();
  const common = Math.min(bits, otherBits);
  const wholeBytes = common >>> 3;
  const order = key.compare(other, prefixBytes, prefixBytes + wholeBytes, prefixBytes, prefixBytes + wholeBytes);
  if (order !== 0) return order > 0;
  const rest = common & 7;
  if (rest > 0) {
    const mask = 0xff00 >>> rest;
    const difference = ((key[prefixBytes + wholeBytes] ?? 0) & mask) - ((other[prefixBytes + wholeBytes] ?? 0) & mask);
    if (difference !== 0) return difference > 0;
  }
  return bits < otherBits;
}
