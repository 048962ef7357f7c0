import { bytes, decoderOf, FakeMachine, shownBy, u32 } from './decoding.ts';

const partitions = `major minor  #blocks  name

   8        0  268435456 sda
   8        1     131072 sda1
 259      300    1048576 nvme1n1p300
`;
const machine = (): FakeMachine => new FakeMachine({ '/proc/partitions': partitions });

test.each([
  [u32(0x800), 'sda'],
  [u32(0x801), 'sda1'],
  // 300 is 0x12c: its upper bits stand above the major number's twelve.
  [u32((0x1 << 20) | (259 << 8) | 0x2c), 'nvme1n1p300'],
  [u32((259 << 8) | 0x2c), 'unknown:259:44'],
  [u32(0xffffffff), 'unknown:4095:1048575'],
  [u32(0), 'unknown:0:0'],
  // The first four bytes.
  [bytes(0, 8, 0, 0, 1, 2, 3, 4), 'sda'],
  [bytes(0, 8), '?0008'],
])('%j is %s', (input, shown) => {
  expect(shownBy(decoderOf({ name: 'majorminor' }, machine()), input)).toBe(shown);
});

test('a device that comes is found a second after the last look, and unknown ones cost no more', async () => {
  const changing = machine();
  const majorminor = decoderOf({ name: 'majorminor' }, changing);
  for (let minor = 2; minor < 50; minor++) shownBy(majorminor, u32(0x800 | minor));
  expect(changing.asked).toHaveLength(1);
  changing.files['/proc/partitions'] = `${partitions}   8        2     131072 sda2\n`;
  await changing.clock.advance(1000);
  expect(shownBy(majorminor, u32(0x802))).toBe('sda2');
  expect(changing.asked).toHaveLength(2);
});

test('without /proc/partitions it says so', () => {
  const bare = new FakeMachine();
  expect(shownBy(decoderOf({ name: 'majorminor' }, bare), u32(0x800))).toBe('unknown:8:0');
  expect(bare.warnings).toEqual([expect.stringContaining('/proc/partitions')]);
});
