import { bytes, decoderOf, FakeMachine, shownBy, u64 } from './decoding.ts';

const kallsyms = `ffffffff81000000 T first
ffffffff81000080 T second
ffffffff81000080 t alias_of_second
`;
const machine = (): FakeMachine => new FakeMachine({ '/proc/kallsyms': kallsyms });
const kstack = (input: Uint8Array): string | undefined => shownBy(decoderOf({ name: 'kstack' }, machine()), input);

const first = 0xffffffff81000000n;

test.each([
  [u64(first), 'first'],
  [u64(first + 0x7fn), 'first'],
  [u64(first + 0x80n), 'second'],
  [u64(first + 0x81n, first + 5n), 'second\nfirst'],
  [u64(first, 0n, first), 'first'],
  [u64(0n), ''],
  [u64(first - 1n, first), '??\nfirst'],
  [u64(0x7f0000001000n), '??'],
  // A megabyte behind the last symbol is nothing of its.
  [u64(first + 0x80n + 0x100000n), 'second'],
  [u64(first + 0x81n + 0x100000n), '??'],
  [Uint8Array.of(...u64(first), 1, 2, 3), 'first'],
  [bytes(), ''],
])('%j is %j', (input, shown) => {
  expect(kstack(input)).toBe(shown);
});

test('has as many frames as the kernel gives at most', () => {
  const frames = Array.from({ length: 130 }, () => first);
  expect(kstack(u64(...frames))?.split('\n')).toHaveLength(127);
});
