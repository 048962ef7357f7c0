import { existsSync } from 'node:fs';
import { DecoderEnv } from '../../../../../agent/metrics/decoders/decoder-env.ts';
import { makeDecoder } from '../../../../../agent/metrics/decoders/make-decoder.ts';
import { int, makeBtf, pointer, type TypeParts } from '../../../../fixtures/btf-builder.ts';
import { bytes, decoderOf, FakeMachine, scrapedBy, shownBy, u32, u64 } from './decoding.ts';

const file = '/sys/kernel/btf/vmlinux';

const enumeration = (name: string, values: readonly (readonly [string, number])[], kindFlag = false): TypeParts => ({
  kind: 6,
  name,
  sizeOrType: 4,
  count: values.length,
  kindFlag,
  data: values.flatMap(([enumerator, value]) => [enumerator, value >>> 0]),
});
const wide: TypeParts = { kind: 19, name: 'wide', sizeOrType: 8, count: 1, data: ['HIGH', 0, 1] };
const btf = makeBtf([
  int('int', 4),
  // The forward declaration of an enum has no enumerators.
  enumeration('req_op', []),
  enumeration('req_op', [
    ['REQ_OP_READ', 0],
    ['REQ_OP_WRITE', 1],
    ['REQ_OP_LAST', 0xfffffffe],
  ]),
  enumeration('signed', [['MINUS_ONE', -1]], true),
  wide,
]);
const machine = (): FakeMachine => new FakeMachine({ [file]: btf });

test.each([
  ['req_op', u32(0), 'REQ_OP_READ'],
  ['req_op', u32(1), 'REQ_OP_WRITE'],
  ['req_op', bytes(1), 'REQ_OP_WRITE'],
  ['req_op', u64(1n), 'REQ_OP_WRITE'],
  ['req_op', u32(0xfffffffe), 'REQ_OP_LAST'],
  ['req_op', u32(2), '2'],
  ['signed', u32(0xffffffff), 'MINUS_ONE'],
  ['signed', bytes(0xff), 'MINUS_ONE'],
  ['signed', u32(0xfffffffe), '4294967294'],
  ['wide', u64(2n ** 32n), 'HIGH'],
  ['wide', u32(0), '0'],
  ['req_op', bytes(1, 2, 3), '?010203'],
])('of enum %s %j is %s', async (type, input, shown) => {
  const known = machine();
  expect(await scrapedBy(decoderOf({ name: 'enum', type }, known), input)).toBe(shown);
  expect(known.warnings).toEqual([]);
});

test('types are read when their decoders are made, together, and never again', async () => {
  const counted = machine();
  const env = new DecoderEnv(counted);
  const request = makeDecoder({ name: 'enum', type: 'req_op' }, env);
  const high = makeDecoder({ name: 'enum', type: 'wide' }, env);
  await request.names?.prepare();
  expect(shownBy(request, u32(1))).toBe('REQ_OP_WRITE');
  expect(shownBy(high, u64(2n ** 32n))).toBe('HIGH');
  await counted.clock.advance(86_400_000);
  expect(request.names?.prepare()).toBeUndefined();
  expect(counted.asked).toEqual([file]);
});

test('a type of a decoder that is made later is read then', async () => {
  const counted = machine();
  const env = new DecoderEnv(counted);
  expect(await scrapedBy(makeDecoder({ name: 'enum', type: 'req_op' }, env), u32(1))).toBe('REQ_OP_WRITE');
  expect(await scrapedBy(makeDecoder({ name: 'enum', type: 'wide' }, env), u64(2n ** 32n))).toBe('HIGH');
  expect(await scrapedBy(makeDecoder({ name: 'enum', type: 'req_op' }, env), u32(0))).toBe('REQ_OP_READ');
  expect(counted.asked).toEqual([file, file]);
});

test.each([
  ['has the type: its names, and no others', 'req_op', u32(1), 'REQ_OP_WRITE'],
  ['has the type, without that number', 'req_op', u32(7), '7'],
  ['has not the type', 'my_state', u32(7), 'SEVENTH'],
  ['has not the type, and the object not the number', 'my_state', u32(8), '8'],
])('enumerators of the object, where the kernel %s', async (_, type, input, shown) => {
  const known = machine();
  const own = new Map([
    [
      type,
      new Map([
        [1n, 'MINE'],
        [7n, 'SEVENTH'],
      ]),
    ],
  ]);
  const decoder = makeDecoder({ name: 'enum', type }, new DecoderEnv(known), own);
  expect(await scrapedBy(decoder, input)).toBe(shown);
  expect(known.warnings).toEqual([]);
});

test('enumerators of the object, where the kernel has no BTF', async () => {
  const bare = new FakeMachine();
  const own = new Map([['req_op', new Map([[1n, 'MINE']])]]);
  expect(await scrapedBy(makeDecoder({ name: 'enum', type: 'req_op' }, new DecoderEnv(bare), own), u32(1))).toBe(
    'MINE',
  );
  expect(bare.warnings).toEqual([]);
});

test('a kernel with very many types is searched in many small steps', async () => {
  const types = Array.from({ length: 50_000 }, () => pointer(0));
  const large = new FakeMachine({ [file]: makeBtf([...types, wide]) });
  large.pieceBytes = 1 << 20;
  expect(await scrapedBy(decoderOf({ name: 'enum', type: 'wide' }, large), u64(2n ** 32n))).toBe('HIGH');
  // 8,192 types at a time.
  expect(large.turns).toBeGreaterThanOrEqual(6);
});

test.each([
  ['a type that the kernel has not', { [file]: btf }, 'enum no_such'],
  ['a kernel without BTF', {}, file],
  ['BTF that is none', { [file]: 'x' }, file],
])('of %s the number is shown, and a person is told', async (_, files, told) => {
  const bare = new FakeMachine(files);
  expect(await scrapedBy(decoderOf({ name: 'enum', type: 'no_such' }, bare), u32(1))).toBe('1');
  expect(bare.warnings).toEqual([expect.stringContaining(told)]);
});

// A kernel may have no BTF; where CI's has none, the runner makes a failure of this skip.
(existsSync(file) ? test : test.skip)("the running kernel's BTF has names for block operations", async () => {
  const { thisMachine } = await import('../../../../../agent/metrics/decoders/machine.ts');
  const { systemClock } = await import('../../../../../runtime/clock.ts');
  const here = thisMachine(systemClock, () => {});
  expect(await scrapedBy(decoderOf({ name: 'enum', type: 'req_op' }, here), u32(1))).toBe('REQ_OP_WRITE');
});
