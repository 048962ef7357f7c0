import { decoderOf, shownBy } from './decoding.ts';

test.each([
  ['0', 'ip'],
  ['1', 'icmp'],
  ['6', 'tcp'],
  ['17', 'udp'],
  ['58', 'ipv6-icmp'],
  ['132', 'sctp'],
  ['262', 'mptcp'],
  ['61', '61'],
  ['tcp', 'tcp'],
  ['constructor', 'constructor'],
])('%s is %s', (input, shown) => {
  expect(shownBy(decoderOf({ name: 'ipproto' }), input)).toBe(shown);
});
