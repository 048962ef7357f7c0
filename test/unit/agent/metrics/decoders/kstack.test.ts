import { bytes, decoderOf, FakeMachine, scrapedBy, u64 } from './decoding.ts';

const kallsyms = `ffffffff81000000 T first
ffffffff81000080 T second
ffffffff81000080 t alias_of_second
`;
const machine = (): FakeMachine => new FakeMachine({ '/proc/kallsyms': kallsyms });
const kstack = (input: Uint8Array): Promise<string | undefined> =>
  scrapedBy(decoderOf({ name: 'kstack' }, machine()), input);

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
])('%j is %j', async (input, shown) => {
  expect(await kstack(input)).toBe(shown);
});

test('has as many frames as the kernel gives at most', async () => {
  const frames = Array.from({ length: 130 }, () => first);
  expect((await kstack(u64(...frames)))?.split('\n')).toHaveLength(127);
});
