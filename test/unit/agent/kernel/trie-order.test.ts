import fc from 'fast-check';
import { isBehindInTrie } from '../../../../agent/kernel/trie-order.ts';

/** As `192.168.0.0/16`. */
function keyOf(prefix: string): Buffer {
  const [address = '', bits = ''] = prefix.split('/');
  const key = Buffer.alloc(8);
  key.writeUInt32LE(Number(bits));
  key.set(address.split('.').map(Number), 4);
  return key;
}

test.each([
  ['the longer of two with one beginning comes first', '192.168.0.0/24', '192.168.0.0/16'],
  ['also where it goes on with ones', '192.168.255.0/24', '192.168.0.0/16'],
  ['a zero before a one, in the last bit', '10.0.0.0/32', '10.0.0.1/32'],
  ['in the first bit', '127.255.255.255/32', '128.0.0.0/1'],
  ['in the middle of a byte', '10.16.0.0/12', '10.32.0.0/12'],
  ['whatever their lengths', '10.0.0.0/9', '10.128.0.1/32'],
  ['and everything before the root', '255.255.255.255/32', '0.0.0.0/0'],
])('%s', (_, first, second) => {
  expect(isBehindInTrie(keyOf(second), keyOf(first))).toBe(true);
  expect(isBehindInTrie(keyOf(first), keyOf(second))).toBe(false);
});

test.each([
  ['itself', '10.0.0.0/8', '10.0.0.0/8'],
  ['the same with other bytes beyond its bits', '10.1.2.3/8', '10.3.2.1/8'],
  ['the same with other bits in its last byte', '10.31.0.0/12', '10.16.0.0/12'],
])('a key is not behind %s', (_, one, other) => {
  expect(isBehindInTrie(keyOf(one), keyOf(other))).toBe(false);
  expect(isBehindInTrie(keyOf(other), keyOf(one))).toBe(false);
});

/** The reference: keys as strings of bits, with an end mark that is behind both digits. */
const bitsOf = (key: Buffer): string =>
  `${Array.from(key.subarray(4), (byte) => byte.toString(2).padStart(8, '0'))
    .join('')
    .slice(0, key.readUInt32LE())}~`;

test('is the order of their bits, with what ends behind what goes on', () => {
  const keys = fc
    .record({ bits: fc.nat(24), bytes: fc.uint8Array({ minLength: 3, maxLength: 3 }) })
    .map(({ bits, bytes }) => {
      const key = Buffer.alloc(7);
      key.writeUInt32LE(bits);
      key.set(bytes, 4);
      return key;
    });
  fc.assert(
    fc.property(keys, keys, (a, b) => {
      expect(isBehindInTrie(a, b)).toBe(bitsOf(a) > bitsOf(b));
    }),
    { numRuns: 2000 },
  );
});
