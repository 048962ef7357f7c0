import { bytes, decoderOf, FakeMachine, scrapedBy, u32, u64 } from './decoding.ts';

const net = '/sys/class/net';
const machineWith = (names: Record<string, number>): FakeMachine =>
  new FakeMachine({
    ...Object.fromEntries(Object.entries(names).map(([name, index]) => [`${net}/${name}/ifindex`, `${index}\n`])),
    [`${net}/bonding_masters`]: '',
  });

test.each([
  [u32(1), 'lo'],
  [u32(2), 'eth0'],
  [u32(3), 'unknown:3'],
  [u32(0), 'unknown:0'],
  // The first four bytes, as in ebpf_exporter.
  [u64(2n + (7n << 32n)), 'eth0'],
  [bytes(2, 0, 0), '?020000'],
])('%j is %s', async (input, shown) => {
  expect(await scrapedBy(decoderOf({ name: 'ifname' }, machineWith({ lo: 1, eth0: 2 })), input)).toBe(shown);
});

test('an interface that comes is found at once, one that is renamed after ten seconds', async () => {
  const machine = machineWith({ lo: 1 });
  const ifname = decoderOf({ name: 'ifname' }, machine);
  expect(await scrapedBy(ifname, u32(1))).toBe('lo');

  machine.files[`${net}/veth1/ifindex`] = '5';
  expect(await scrapedBy(ifname, u32(5))).toBe('veth1');

  delete machine.files[`${net}/veth1/ifindex`];
  machine.files[`${net}/veth2/ifindex`] = '5';
  await machine.clock.advance(9999);
  expect(await scrapedBy(ifname, u32(5))).toBe('veth1');
  await machine.clock.advance(1);
  expect(await scrapedBy(ifname, u32(5))).toBe('veth2');
});

test('an index that was looked for in vain is looked for again after ten seconds', async () => {
  const machine = machineWith({ lo: 1 });
  const ifname = decoderOf({ name: 'ifname' }, machine);
  expect(await scrapedBy(ifname, u32(5))).toBe('unknown:5');
  machine.files[`${net}/veth1/ifindex`] = '5';
  await machine.clock.advance(9999);
  expect(await scrapedBy(ifname, u32(5))).toBe('unknown:5');
  await machine.clock.advance(1);
  expect(await scrapedBy(ifname, u32(5))).toBe('veth1');
});

test('without sysfs nothing has a name, and a person is told once', async () => {
  const machine = new FakeMachine();
  const ifname = decoderOf({ name: 'ifname' }, machine);
  expect(await scrapedBy(ifname, u32(1))).toBe('unknown:1');
  await machine.clock.advance(60_000);
  expect(await scrapedBy(ifname, u32(1))).toBe('unknown:1');
  // At first, for the new index, and again because it is old.
  expect(machine.asked).toEqual([net, net, net]);
  expect(machine.warnings).toEqual([expect.stringContaining(net)]);
});
