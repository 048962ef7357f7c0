import { bytes, decoderOf, FakeMachine, shownBy, u32, u64 } from './decoding.ts';

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
])('%j is %s', (input, shown) => {
  expect(shownBy(decoderOf({ name: 'ifname' }, machineWith({ lo: 1, eth0: 2 })), input)).toBe(shown);
});

test('an interface that comes is found a second after the last look, one that is renamed ten seconds after', async () => {
  const machine = machineWith({ lo: 1 });
  const ifname = decoderOf({ name: 'ifname' }, machine);
  expect(shownBy(ifname, u32(1))).toBe('lo');

  machine.files[`${net}/veth1/ifindex`] = '5';
  await machine.clock.advance(999);
  expect(shownBy(ifname, u32(5))).toBe('unknown:5');
  await machine.clock.advance(1);
  expect(shownBy(ifname, u32(5))).toBe('veth1');

  delete machine.files[`${net}/veth1/ifindex`];
  machine.files[`${net}/veth2/ifindex`] = '5';
  await machine.clock.advance(9999);
  expect(shownBy(ifname, u32(5))).toBe('veth1');
  await machine.clock.advance(1);
  expect(shownBy(ifname, u32(5))).toBe('veth2');
});

test('without sysfs nothing has a name, and a person is told once', async () => {
  const machine = new FakeMachine();
  const ifname = decoderOf({ name: 'ifname' }, machine);
  expect(shownBy(ifname, u32(1))).toBe('unknown:1');
  await machine.clock.advance(60_000);
  expect(shownBy(ifname, u32(1))).toBe('unknown:1');
  expect(machine.asked).toEqual([net, net]);
  expect(machine.warnings).toEqual([expect.stringContaining(net)]);
});
