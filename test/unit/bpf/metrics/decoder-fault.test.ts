import { decoderFault } from '../../../../bpf/metrics/decoder-fault.ts';
import type { DecoderSpec } from '../../../../crds/decoder.ts';

test.each<[DecoderSpec, string | undefined]>([
  [{ name: 'uint' }, undefined],
  [{ name: 'regexp', regexps: ['^a', '(b+)'] }, undefined],
  [{ name: 'regexp', regexps: ['^a', '(b+'] }, 'regexps[1]'],
  [{ name: 'regexp', regexps: ['(?=a)'] }, 'regexps[0]'],
  // 'a' 31 times, and the match.
  [{ name: 'regexp', regexps: Array.from({ length: 32 }, () => 'a'.repeat(31)) }, undefined],
  [{ name: 'regexp', regexps: [...Array.from({ length: 32 }, () => 'a'.repeat(31)), ''] }, 'regexps'],
  [{ name: 'format', format: '0x%04x' }, undefined],
  [{ name: 'format', format: '%f' }, 'format'],
])('%j: %s', (spec, path) => {
  expect(decoderFault(spec)?.path).toBe(path);
});

test('says what is wrong', () => {
  expect(decoderFault({ name: 'regexp', regexps: ['a{3,2}'] })?.message).toContain('{3,2}');
  expect(decoderFault({ name: 'format', format: '%f' })?.message).toContain('%f');
});
