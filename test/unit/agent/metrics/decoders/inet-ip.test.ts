import { bytes, decoderOf, shownBy } from './decoding.ts';

const v6 = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(' ', ''), 'hex');

test.each([
  [bytes(127, 0, 0, 1), '127.0.0.1'],
  [bytes(255, 255, 255, 255), '255.255.255.255'],
  [v6('00000000 00000000 00000000 00000000'), '::'],
  [v6('00000000 00000000 00000000 00000001'), '::1'],
  [v6('fe800000 00000000 00000000 00000000'), 'fe80::'],
  [v6('20010db8 00000000 00000000 00000001'), '2001:db8::1'],
  // Of runs of zeros the longest, of equals the first, and never a single field (RFC 5952, 4.2).
  [v6('20010000 00000001 00000000 00000001'), '2001:0:0:1::1'],
  [v6('20010db8 00000000 00010000 00000001'), '2001:db8::1:0:0:1'],
  [v6('20010db8 00000001 00010001 00010001'), '2001:db8:0:1:1:1:1:1'],
  [v6('20010db8 85a308d3 13198a2e 03707344'), '2001:db8:85a3:8d3:1319:8a2e:370:7344'],
  [v6('00000000 00000000 0000ffff c0000201'), '192.0.2.1'],
  // One bit away from a mapped address.
  [v6('00000000 00000000 0001ffff c0000201'), '::1:ffff:c000:201'],
  [v6('00000000 00000000 0000fffe c0000201'), '::fffe:c000:201'],
  [bytes(), '?'],
  [bytes(1, 2, 3), '?010203'],
  [bytes(1, 2, 3, 4, 5), '?0102030405'],
])('%j is %s', (input, shown) => {
  expect(shownBy(decoderOf({ name: 'inet_ip' }), input)).toBe(shown);
});
