import { bytes, decoderOf, FakeMachine, scrapedBy, shownBy, u32 } from './decoding.ts';

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
])('%j is %s', async (input, shown) => {
  expect(await scrapedBy(decoderOf({ name: 'majorminor' }, machine()), input)).toBe(shown);
});

test('unknown devices are looked for once, all together', async () => {
  const changing = machine();
  const majorminor = decoderOf({ name: 'majorminor' }, changing);
  const scrape = async (): Promise<void> => {
    await majorminor.names?.prepare();
    for (let minor = 2; minor < 50; minor++) shownBy(majorminor, u32(0x800 | minor));
    await majorminor.names?.prepare();
  };
  await scrape();
  expect(changing.asked).toHaveLength(2);
  await scrape();
  expect(changing.asked).toHaveLength(2);
  changing.files['/proc/partitions'] = `${partitions}   8       50     131072 sda50\n`;
  expect(await scrapedBy(majorminor, u32(0x832))).toBe('sda50');
  expect(changing.asked).toHaveLength(3);
});

test('without /proc/partitions it says so', async () => {
  const bare = new FakeMachine();
  expect(await scrapedBy(decoderOf({ name: 'majorminor' }, bare), u32(0x800))).toBe('unknown:8:0');
  expect(bare.warnings).toEqual([expect.stringContaining('/proc/partitions')]);
});
