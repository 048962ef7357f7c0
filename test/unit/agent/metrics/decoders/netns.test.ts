import { bytes, decoderOf, FakeMachine, scrapedBy, u32, u64 } from './decoding.ts';

const machine = (): FakeMachine =>
  new FakeMachine(
    {},
    { '/proc/self/ns/net': 4026531840, '/run/netns/blue': 4026532001, '/run/docker/netns/1-abc': 4026532002 },
  );

test.each([
  [u32(4026531840), 'self'],
  [u32(4026532001), 'blue'],
  [u64(4026532001n), 'blue'],
  [u32(4026532002), '1-abc'],
  [u32(4026532003), 'unknown:4026532003'],
  [bytes(1, 2, 3), '?010203'],
])('%j is %s', async (input, shown) => {
  expect(await scrapedBy(decoderOf({ name: 'netns' }, machine()), input)).toBe(shown);
});

test('the namespace of the agent is self under any name', async () => {
  const named = machine();
  named.inodes['/run/netns/host'] = 4026531840;
  expect(await scrapedBy(decoderOf({ name: 'netns' }, named), u32(4026531840))).toBe('self');
});

test('no folder of names is nothing to warn of', async () => {
  const bare = new FakeMachine();
  expect(await scrapedBy(decoderOf({ name: 'netns' }, bare), u32(7))).toBe('unknown:7');
  expect(bare.warnings).toEqual([]);
});
