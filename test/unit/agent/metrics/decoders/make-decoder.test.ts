import { statSync } from 'node:fs';
import { DecoderEnv } from '../../../../../agent/metrics/decoders/decoder-env.ts';
import { thisMachine } from '../../../../../agent/metrics/decoders/machine.ts';
import { decoders, makeDecoder, makeDecoders } from '../../../../../agent/metrics/decoders/make-decoder.ts';
import { type DecoderName, type DecoderSpec, decoderInputs } from '../../../../../crds/decoder.ts';
import { systemClock } from '../../../../../runtime/clock.ts';
import { FakeMachine, scrapedBy, shownBy, u32 } from './decoding.ts';

const names = Object.keys(decoderInputs) as DecoderName[];
const parameters: Partial<Record<DecoderName, Partial<DecoderSpec>>> = {
  enum: { type: 'req_op' },
  static_map: { map: { '1': 'one' } },
  regexp: { regexps: ['.*'] },
  format: { format: '%d' },
};
const specOf = (name: DecoderName): DecoderSpec => ({ name, ...parameters[name] });

test('every decoder that a manifest may name is there, and no other', () => {
  expect(Object.keys(decoders).sort()).toEqual(names.toSorted());
});

test.each(names)('%s throws on no bytes, of no length, on a machine that has nothing', (name) => {
  const decoder = makeDecoder(specOf(name), new DecoderEnv(new FakeMachine()));
  for (let length = 0; length <= 40; length++) {
    for (const byte of [0x00, 0x31, 0x80, 0xff]) {
      expect(typeof shownBy(decoder, Buffer.alloc(length, byte))).toBe('string');
    }
  }
});

test.each<[DecoderSpec[], Uint8Array, string | undefined]>([
  [[{ name: 'uint' }, { name: 'static_map', map: { '2': 'two' } }], u32(2), 'two'],
  [
    [{ name: 'uint' }, { name: 'static_map', map: { '2': 'two' } }, { name: 'regexp', regexps: ['^t(.)'] }],
    u32(2),
    'w',
  ],
  [[{ name: 'string' }, { name: 'regexp', regexps: ['^x'] }, { name: 'hex' }], Buffer.from('abc\0'), undefined],
  [[{ name: 'string' }, { name: 'dname' }], Buffer.from('\x02io\0'), 'io'],
  [[], Buffer.from('abc'), 'abc'],
])('the chain %j', (specs, input, shown) => {
  expect(shownBy(makeDecoders(specs, new DecoderEnv(new FakeMachine())), input)).toBe(shown);
});

test('tables are shared: what one decoder read, another finds', async () => {
  const machine = new FakeMachine({ '/proc/partitions': '   8        0  268435456 sda\n' });
  const env = new DecoderEnv(machine);
  expect(await scrapedBy(makeDecoder({ name: 'majorminor' }, env), u32(0x800))).toBe('sda');
  expect(await scrapedBy(makeDecoder({ name: 'mkdev' }, env), u32(8 << 20))).toBe('sda');
  expect(machine.asked).toEqual(['/proc/partitions']);
});

test('a chain has the sources of its decoders, each once', () => {
  const env = new DecoderEnv(new FakeMachine());
  const chain = makeDecoders([{ name: 'ifname' }, { name: 'cgroup' }, { name: 'ifname' }, { name: 'uint' }], env);
  expect(chain.names).toEqual([env.interfaces.names, env.cgroups.names]);
});

test('this machine has names: its loopback interface, its own namespace, and the root of its cgroups', async () => {
  const warnings: string[] = [];
  const env = new DecoderEnv(thisMachine(systemClock, (message) => warnings.push(message)));
  const { ino } = statSync('/proc/self/ns/net');
  expect(await scrapedBy(makeDecoder({ name: 'ifname' }, env), u32(1))).toBe('lo');
  expect(await scrapedBy(makeDecoder({ name: 'netns' }, env), u32(ino))).toBe('self');
  expect(await scrapedBy(makeDecoder({ name: 'cgroup' }, env), '1')).toMatch(/^\/sys\/fs\/cgroup/);
  expect(await scrapedBy(makeDecoder({ name: 'cgroup' }, env), '18446744073709551615')).toBe(
    'unknown_cgroup_id:18446744073709551615',
  );
  expect(warnings).toEqual([]);
});
