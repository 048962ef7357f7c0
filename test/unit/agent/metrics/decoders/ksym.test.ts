import { bytes, decoderOf, FakeMachine, scrapedBy, shownBy, u64 } from './decoding.ts';

const file = '/proc/kallsyms';
const kallsyms = `0000000000000000 A fixed_percpu_data
ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81000080 T entry
ffffffffc0001000 t in_module	[virtio]
ffffffffc0000000 t first_in_module	[virtio]
ffff800080010000 t low_on_arm64
ffffffffffffffff t last
`;

test.each([
  [0xffffffff81000080n, 'entry'],
  // Of aliases the first.
  [0xffffffff81000000n, '_stext'],
  // Modules come unsorted, with their name behind.
  [0xffffffffc0000000n, 'first_in_module'],
  [0xffffffffc0001000n, 'in_module'],
  [0xffff800080010000n, 'low_on_arm64'],
  [0xffff800080010001n, 'unknown_addr:0xffff800080010001'],
  [0xffffffffffffffffn, 'last'],
  // Only the very address.
  [0xffffffff81000081n, 'unknown_addr:0xffffffff81000081'],
  [0xffffffff8100007fn, 'unknown_addr:0xffffffff8100007f'],
  // Per-CPU offsets are no addresses.
  [0n, 'unknown_addr:0x0'],
  [0x7f0000001000n, 'unknown_addr:0x7f0000001000'],
])('%i is %s', async (address, shown) => {
  const machine = new FakeMachine({ [file]: kallsyms });
  expect(await scrapedBy(decoderOf({ name: 'ksym' }, machine), u64(address))).toBe(shown);
  expect(machine.warnings).toEqual([]);
});

test('four bytes are no address', async () => {
  expect(await scrapedBy(decoderOf({ name: 'ksym' }, new FakeMachine({ [file]: kallsyms })), bytes(1, 2, 3, 4))).toBe(
    '?01020304',
  );
});

test.each([
  ['hidden, for want of CAP_SYSLOG', '0000000000000000 T _text\n0000000000000000 T entry\n', 'CAP_SYSLOG'],
  ['missing', undefined, file],
])('where symbols are %s, nothing has a name, and a person is told once', async (_, text, told) => {
  const machine = new FakeMachine(text === undefined ? {} : { [file]: text });
  const ksym = decoderOf({ name: 'ksym' }, machine);
  expect(await scrapedBy(ksym, u64(0xffffffff81000080n))).toBe('unknown_addr:0xffffffff81000080');
  await machine.clock.advance(300_000);
  expect(await scrapedBy(ksym, u64(0xffffffff81000080n))).toBe('unknown_addr:0xffffffff81000080');
  expect(machine.warnings).toEqual([expect.stringContaining(told)]);
});

test('is read when the decoder is made, for a new address at once, and again every five minutes', async () => {
  const machine = new FakeMachine({ [file]: kallsyms });
  const ksym = decoderOf({ name: 'ksym' }, machine);
  expect(machine.asked).toEqual([]);
  await ksym.names?.prepare();
  expect(await scrapedBy(ksym, u64(0xffffffff81000080n))).toBe('entry');
  expect(machine.asked).toEqual([file]);
  machine.files[file] = `${kallsyms}ffffffffc0002000 t new_in_module	[new]\n`;
  expect(await scrapedBy(ksym, u64(0xffffffffc0002000n))).toBe('new_in_module');
  expect(await scrapedBy(ksym, u64(0xffffffffc0003000n))).toBe('unknown_addr:0xffffffffc0003000');
  machine.files[file] = `${kallsyms}ffffffffc0003000 t newer_in_module	[newer]\n`;
  await machine.clock.advance(299_999);
  expect(await scrapedBy(ksym, u64(0xffffffffc0003000n))).toBe('unknown_addr:0xffffffffc0003000');
  expect(machine.asked).toEqual([file, file, file]);
  await machine.clock.advance(1);
  expect(await scrapedBy(ksym, u64(0xffffffffc0003000n))).toBe('newer_in_module');
});

test('an address of user space is never looked for', async () => {
  const machine = new FakeMachine({ [file]: kallsyms });
  const ksym = decoderOf({ name: 'ksym' }, machine);
  await ksym.names?.prepare();
  await scrapedBy(ksym, u64(0x7f0000001000n));
  expect(machine.asked).toEqual([file]);
});

/** 20,000 symbols, the second half in no order, as modules' are. */
const many = Array.from({ length: 20_000 }, (_, i) => {
  const place = i < 10_000 ? i : 10_000 + ((i * 7919) % 10_000);
  return `ffffffff${(0x81000000 + place * 16).toString(16)} t symbol_${place}`;
});

test.each([1, 7, 4096, 1 << 20])('text in pieces of %i bytes is the same text', async (pieceBytes) => {
  const machine = new FakeMachine({ [file]: many.slice(9900, 10_100).join('\n') });
  machine.pieceBytes = pieceBytes;
  const ksym = decoderOf({ name: 'ksym' }, machine);
  await ksym.names?.prepare();
  const wrong = many.slice(9900, 10_100).filter((line) => {
    const [address, , name] = line.split(' ');
    return shownBy(ksym, u64(BigInt(`0x${address}`))) !== name;
  });
  expect(wrong).toEqual([]);
});

test('of very many each is found, and none is read in the same turn as many others', async () => {
  const machine = new FakeMachine({ [file]: `${many.join('\n')}\n` });
  const ksym = decoderOf({ name: 'ksym' }, machine);
  await ksym.names?.prepare();
  const wrong = many.filter((line) => {
    const [address, , name] = line.split(' ');
    return shownBy(ksym, u64(BigInt(`0x${address}`))) !== name;
  });
  expect(wrong).toEqual([]);
  expect(machine.mostAnswersInTurn).toBe(1);
  expect(machine.turns).toBeGreaterThan((many.join('\n').length / machine.pieceBytes) * 0.9);
});

test('text cut off in a line, or that is no kallsyms, is no error', async () => {
  for (const text of [
    kallsyms.slice(0, -3),
    'ffffffff8',
    'ffffffffffffffffffffffffffffffff',
    '\n\n',
    'g'.repeat(100),
  ]) {
    const machine = new FakeMachine({ [file]: text });
    expect(await scrapedBy(decoderOf({ name: 'ksym' }, machine), u64(1n))).toBe('unknown_addr:0x1');
  }
});
