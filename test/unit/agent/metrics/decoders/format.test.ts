import { FormatError } from '../../../../../bpf/metrics/decoder-format.ts';
import { decoderOf, shownBy } from './decoding.ts';

test.each([
  ['%d', '6', '6'],
  ['%d', '-6', '-6'],
  ['%05u', '6', '00006'],
  ['%05u', '123456', '123456'],
  ['%5d', '-6', '   -6'],
  ['%05d', '-6', '-0006'],
  ['%-5d|', '6', '6    |'],
  ['%-05d|', '6', '6    |'],
  ['%x', '255', 'ff'],
  ['%X', '255', 'FF'],
  ['0x%04x', '10', '0x000a'],
  ['%o', '8', '10'],
  // Unsigned conversions show the two's complement, of 64 bits.
  ['%u', '-1', '18446744073709551615'],
  ['%x', '-1', 'ffffffffffffffff'],
  ['%u', '18446744073709551615', '18446744073709551615'],
  ['cpu %d of %%', '3', 'cpu 3 of %'],
  ['%s', 'eth0', 'eth0'],
  ['<%6s>', 'eth0', '<  eth0>'],
  ['<%-6s>', '007', '<007   >'],
  // No number: shown as it is, in its place.
  ['%05d', 'eth0', ' eth0'],
  ['0x%x', '', '0x'],
])('%s of %j is %j', (format, input, shown) => {
  expect(shownBy(decoderOf({ name: 'format', format }), input)).toBe(shown);
});

test.each(['', 'no number', '%', '%5', '%%', '%c', '%f', '%ld', '%d%d', '%65d', '%99999999999d', '%+d', '%.3d'])(
  'refuses %j',
  (format) => {
    expect(() => decoderOf({ name: 'format', format })).toThrow(FormatError);
  },
);

test('takes a width of 64', () => {
  expect(shownBy(decoderOf({ name: 'format', format: '%064d' }), '1')).toBe('1'.padStart(64, '0'));
});
