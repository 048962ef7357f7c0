import fc from 'fast-check';
import { zeroConfig } from '../../../../bpf/metrics/zero-config.ts';
import type { Layout, MemberLayout } from '../../../../bpf/object/spec.ts';
import { type Entry, MemoryMap } from '../../../fakes/memory-map.ts';
import * as types from '../../../fixtures/layouts.ts';
import { bpfOf, newExporter, textOf } from './exporting.ts';
import { parseExposition, seriesId } from './parse.ts';
import { referenceSeries } from './reference.ts';

const { u8, u16, u32, u64, s8, s16, s32, s64, bool, char, pointer, double, u128 } = types;

const enums = fc.constantFrom(
  types.enumOf({ TCP: 6n, UDP: 17n, ZERO: 0n }),
  types.enumOf({ MINUS: -1n, ONE: 1n }, 4, true),
  types.enumOf({ BIG: 2n ** 63n, SMALL: 0n }, 8),
  types.enumOf({ '1': 0n, '"q"': 1n, ['x'.repeat(300)]: 2n, ['x'.repeat(301)]: 3n }, 1),
);
const scalars = fc.oneof(
  fc.constantFrom<Layout>(u8, u16, u32, u64, s8, s16, s32, s64, bool, pointer, double, u128),
  enums,
);
const leaves = fc.oneof(
  { weight: 4, arbitrary: scalars },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 20 }).map((count) => types.array(char, count)) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(u8, u16, s32, u64), fc.constantFrom(0, 1, 3, 64, 65))
      .map(([of, count]) => types.array(of, count)),
  },
  { weight: 1, arbitrary: fc.constant(types.union({ a: u32, b: types.array(u8, 6) })) },
);
const memberNames = fc.constantFrom(
  '',
  'a',
  'b',
  'a_b',
  'pid',
  'comm',
  'node',
  'index',
  'le',
  '__x',
  'key',
  'key_node',
  'zone',
  '9p',
  'h-e',
  'ü',
);

/** Members behind each other, with holes, bitfields and nested structs. */
const structs = (depth: number): fc.Arbitrary<Layout> =>
  fc
    .array(
      fc.record({
        name: memberNames,
        hole: fc.nat({ max: 3 }),
        bits: fc.option(fc.integer({ min: 1, max: 64 })),
        layout: depth === 0 ? leaves : fc.oneof(leaves, structs(depth - 1)),
      }),
      { maxLength: 5 },
    )
    .map((wanted) => {
      const members: MemberLayout[] = [];
      let bit = 0;
      for (const { name, hole, bits, layout } of wanted) {
        bit += hole;
        if (bits !== null && (layout.kind === 'int' || layout.kind === 'enum') && layout.sizeBytes <= 8) {
          const bitSize = Math.min(bits, layout.sizeBytes * 8);
          members.push(types.bitfield(name, Math.floor(bit / 8), bit % 8, bitSize, layout));
          bit += bitSize;
        } else {
          const offsetBytes = Math.ceil(bit / 8);
          members.push(types.member(name, offsetBytes, layout));
          bit = (offsetBytes + layout.sizeBytes) * 8;
        }
      }
      return types.struct(members, Math.max(1, Math.ceil(bit / 8)));
    });
const layouts = fc.oneof(leaves, structs(2)).filter((layout) => layout.sizeBytes > 0);

/** Few different bytes, so that keys that differ in what no label shows come up often. */
const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    fc.uint8Array({ minLength: length, maxLength: length }),
    fc
      .array(fc.constantFrom(0, 0, 0, 1, 0x41, 0x22, 0x5c, 0x0a, 0xff), { minLength: length, maxLength: length })
      .map((list) => Uint8Array.from(list)),
  );

interface Case {
  readonly key: Layout;
  readonly value: Layout;
  readonly isArray: boolean;
  /** 0: not a per-CPU map. */
  readonly cpus: number;
  readonly entries: readonly Entry[];
}

const cases: fc.Arbitrary<Case> = fc
  .record({ key: layouts, value: layouts, isArray: fc.boolean(), cpus: fc.constantFrom(0, 0, 1, 3) })
  .chain(({ key: drawn, value, isArray, cpus }) => {
    const key = isArray ? u32 : drawn;
    const stride = cpus === 0 ? value.sizeBytes : Math.ceil(value.sizeBytes / 8) * 8 * cpus;
    const entries = fc.uniqueArray(fc.tuple(bytes(key.sizeBytes), bytes(stride)), {
      maxLength: 12,
      selector: ([k]) => Buffer.from(k).toString('hex'),
    });
    return entries.map((list) => ({ key, value, isArray, cpus, entries: list }));
  });

const { exporter } = newExporter({ node: 'n' });

/** Both answers for a case; undefined where zero configuration refuses the object. */
async function answers({
  key,
  value,
  isArray,
  cpus,
  entries,
}: Case): Promise<{ text: string; expected: ReadonlyMap<string, bigint> } | undefined> {
  const type = isArray ? types.mapTypes.array : types.mapTypes.hash;
  const object = types.objectOf({ m: { type, key, value } });
  const [map] = object.maps;
  if (map === undefined || zeroConfig(object).faults.length > 0) return undefined;
  const reader = new MemoryMap(
    { name: 'm', keySizeBytes: key.sizeBytes, valueSizeBytes: value.sizeBytes, ...(cpus > 0 ? { cpus } : {}) },
    entries,
  );
  exporter.add(bpfOf('ns/b', object, { m: reader }));
  return { text: await textOf(exporter), expected: referenceSeries(map, key, value, isArray, cpus, entries) };
}

test('random types and random bytes give what the reference decoder gives, each series once', async () => {
  let compared = 0;
  let merged = 0;
  await fc.assert(
    fc.asyncProperty(cases, async (random) => {
      const answer = await answers(random);
      if (answer === undefined) return;
      const { samples } = parseExposition(answer.text);
      const found = new Map(samples.map((sample) => [seriesId(sample), BigInt(sample.value)]));
      expect(found).toEqual(new Map(answer.expected));
      if (found.size > 0) compared++;
      const families = new Set(samples.map((sample) => sample.name));
      if (
        found.size > 0 &&
        samples.filter((sample) => families.size === 1 && sample.labels['index'] === undefined).length <
          random.entries.length
      )
        merged++;
    }),
    { numRuns: 600 },
  );
  // The random cases are of use only where there was something to compare, and something to merge.
  expect(compared).toBeGreaterThan(150);
  expect(merged).toBeGreaterThan(10);
});
