import { bytes, decoderOf, FakeMachine, scrapedBy, u32 } from './decoding.ts';

const machine = (): FakeMachine =>
  new FakeMachine({ '/proc/partitions': 'major minor  #blocks  name\n\n   8        1     131072 sda1\n' });

test.each([
  [u32((8 << 20) | 1), 'sda1'],
  [u32(0x801), 'unknown:0:2049'],
  [u32(0xffffffff), 'unknown:4095:1048575'],
  [bytes(1), '?01'],
])('%j is %s', async (input, shown) => {
  expect(await scrapedBy(decoderOf({ name: 'mkdev' }, machine()), input)).toBe(shown);
});
