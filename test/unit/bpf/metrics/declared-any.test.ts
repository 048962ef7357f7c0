import fc from 'fast-check';
import { metricPlan } from '../../../../bpf/metrics/metric-plan.ts';
import { endOf, type MetricPlan, type NumberReading, type Reading } from '../../../../bpf/metrics/plan.ts';
import type { Layout, MemberLayout } from '../../../../bpf/object/spec.ts';
import { metricsSchema } from '../../../../crds/metrics.ts';
import * as types from '../../../fixtures/layouts.ts';

const { u8, u16, u32, u64, s8, s16, s32, s64, bool, char, pointer, double } = types;

/** A part of a type by the path that leads to it, and its place as whoever made the type knows it. */
interface Leaf {
  readonly path: readonly string[];
  readonly firstBit: number;
  readonly bits: number;
  readonly signed: boolean;
}

interface Made {
  readonly layout: Layout;
  readonly leaves: readonly Leaf[];
}

const integers: fc.Arbitrary<Made> = fc.constantFrom(u8, u16, u32, u64, s8, s16, s32, s64, bool).map((layout) => ({
  layout,
  leaves: [{ path: [], firstBit: 0, bits: layout.sizeBytes * 8, signed: 'signed' in layout && layout.signed }],
}));

const moved = (leaf: Leaf, name: string, firstBit: number): Leaf => ({
  ...leaf,
  path: name === '' ? leaf.path : [name, ...leaf.path],
  firstBit: firstBit + leaf.firstBit,
});

const arrays = (of: fc.Arbitrary<Made>): fc.Arbitrary<Made> =>
  fc.tuple(of, fc.integer({ min: 1, max: 3 })).map(([{ layout, leaves }, count]) => ({
    layout: types.array(layout, count),
    leaves: Array.from({ length: count }, (_, i) =>
      leaves.map((leaf) => moved(leaf, String(i), i * layout.sizeBytes * 8)),
    ).flat(),
  }));

/** Members behind each other, with holes, bitfields, anonymous structs, and unions, in which all start alike. */
const structs = (of: fc.Arbitrary<Made>): fc.Arbitrary<Made> =>
  fc
    .tuple(
      fc.constantFrom('struct', 'struct', 'union'),
      fc.array(fc.record({ hole: fc.nat({ max: 9 }), bits: fc.nat({ max: 64 }), anonymous: fc.boolean(), part: of }), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.uniqueArray(fc.stringMatching(/^[a-z_][a-z0-9_]{0,11}$/), { minLength: 4, maxLength: 4 }),
    )
    .map(([kind, parts, names]) => {
      const members: MemberLayout[] = [];
      const leaves: Leaf[] = [];
      let bit = 0;
      let endBytes = 0;
      for (const [i, { hole, bits, anonymous, part }] of parts.entries()) {
        const { layout } = part;
        const isNested = layout.kind === 'struct' || layout.kind === 'union';
        const clash = part.leaves.some(
          ({ path }) => names.includes(path[0] ?? '') || leaves.some((l) => l.path[0] === path[0]),
        );
        const name = anonymous && isNested && !clash ? '' : (names[i] ?? '');
        if (kind === 'union') bit = 0;
        const isBitfield = layout.kind === 'int' && bits > 0 && bits < layout.sizeBytes * 8;
        bit = isBitfield ? bit + hole : Math.ceil((bit + hole) / 8) * 8;
        const offsetBytes = Math.floor(bit / 8);
        const at = { name, offsetBytes, layout };
        members.push({ ...at, bitfield: isBitfield ? { bitOffset: bit % 8, bitSize: bits } : undefined });
        leaves.push(...part.leaves.map((leaf) => moved({ ...leaf, bits: isBitfield ? bits : leaf.bits }, name, bit)));
        bit += isBitfield ? bits : layout.sizeBytes * 8;
        endBytes = Math.max(endBytes, Math.ceil(bit / 8));
      }
      return { layout: { kind: kind as 'struct' | 'union', sizeBytes: endBytes, name: 's', members }, leaves };
    });

const nested = (depth: number): fc.Arbitrary<Made> =>
  depth === 0 ? integers : fc.oneof(integers, arrays(nested(depth - 1)), structs(nested(depth - 1)));

const placeOf = (reading: Reading | undefined): unknown => {
  if (reading?.kind === 'bits') {
    return { firstBit: reading.offsetBytes * 8 + reading.shift, bits: reading.bitSize, signed: reading.signed };
  }
  if (reading?.kind !== 'int') return reading;
  return { firstBit: reading.offsetBytes * 8, bits: reading.sizeBytes * 8, signed: reading.signed };
};

test('a path leads where the member is, in a key, a value and a global', () => {
  let followed = 0;
  fc.assert(
    fc.property(structs(nested(2)), ({ layout, leaves }) => {
      const object = types.objectOf(
        { m: { key: layout, value: layout } },
        { g: { layout, offsetBytes: 24, sizeBytes: layout.sizeBytes } },
      );
      for (const { path, ...place } of leaves.slice(0, 8)) {
        const field = path.join('.');
        const series = [
          {
            name: 'a',
            map: 'm',
            labels: [
              { name: 'k', field },
              { name: 'v', value: field },
            ],
            value: { field },
          },
          { name: 'b', global: 'g', value: { field } },
        ];
        const { plan, faults } = metricPlan(object, metricsSchema.parse({ series }));
        expect(faults).toEqual([]);
        const [ofMap, ofGlobal] = plan.tables;
        const found = [ofMap?.labels[0]?.reading, ofMap?.labels[1]?.reading, ofMap?.metrics[0]?.value];
        expect(found.map(placeOf)).toEqual([place, place, place]);
        expect(placeOf(ofGlobal?.metrics[0]?.value)).toEqual({ ...place, firstBit: place.firstBit + 24 * 8 });
        followed++;
      }
    }),
    { numRuns: 300 },
  );
  expect(followed).toBeGreaterThan(300);
});

/** Types as a damaged BTF might have them: members anywhere, of any size. */
const hostile = (depth: number): fc.Arbitrary<Layout> =>
  fc.oneof(
    fc.constantFrom<Layout>(u8, u32, u64, s64, char, pointer, double, types.array(char, 9), types.array(u32, 5)),
    fc.constantFrom<Layout>(types.enumOf({ A: 0n, B: 1n }), types.array(u64, 0), { kind: 'opaque', sizeBytes: 0 }),
    ...(depth === 0
      ? []
      : [
          fc.tuple(hostile(depth - 1), fc.nat({ max: 5 })).map(([layout, count]) => types.array(layout, count)),
          fc
            .tuple(
              fc.array(
                fc.record({
                  name: fc.constantFrom('', 'a', 'a', 'b', 'slots'),
                  offsetBytes: fc.nat({ max: 40 }),
                  bitfield: fc.option(fc.record({ bitOffset: fc.nat({ max: 80 }), bitSize: fc.nat({ max: 99 }) }), {
                    nil: undefined,
                  }),
                  layout: hostile(depth - 1),
                }),
                { maxLength: 4 },
              ),
              fc.nat({ max: 48 }),
            )
            .map(([members, sizeBytes]): Layout => ({ kind: 'struct', sizeBytes, name: 's', members })),
        ]),
  );

const paths = fc.constantFrom('a', 'b', 'slots', 'a.b', 'a.a.a', 'a.0', 'slots.1', '0', '9', 'b.slots.2.a');
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 1 });
const rarely = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 4 });
const labels = fc.array(
  fc
    .record({
      name: fc.constantFrom('x', 'y', 'node', 'job', 'index', 'cpu', '__a'),
      field: optional(paths),
      value: rarely(paths),
      offset: optional(fc.nat({ max: 60 })),
      type: optional(fc.constantFrom('u8', 's32', 'u64', 'bytes')),
      size: optional(fc.integer({ min: 1, max: 20 })),
      decoders: optional(fc.constantFrom([{ name: 'uint' }], [{ name: 'string' }], [{ name: 'inet_ip' }])),
    })
    .map((label) => JSON.parse(JSON.stringify(label)) as unknown),
  { maxLength: 3 },
);
const histograms = fc.oneof(
  fc.record({ kind: fc.constant('slots'), bucketOf: fc.constantFrom('floorLog2', 'ceilLog2'), field: paths }),
  fc.record({ kind: fc.constant('slots'), bounds: fc.array(fc.integer(), { maxLength: 5 }), sumField: paths }),
  fc.record({ kind: fc.constantFrom('exp2', 'exp2zero', 'linear'), max: fc.nat({ max: 70 }), field: paths }),
  fc.record({ kind: fc.constant('fixed'), keys: fc.array(fc.nat(), { maxLength: 4 }), sumKey: fc.nat({ max: 9 }) }),
);
const series = fc
  .record({
    name: fc.constantFrom('a', 'b', 'b_total', 'a_count', 'c'),
    source: fc.constantFrom(
      { map: 'm' },
      { map: 'm' },
      { map: 'r' },
      { global: 'g' },
      { global: 'g' },
      { map: 'nope' },
    ),
    perCPU: rarely(fc.constantFrom('sum', 'each', 'max')),
    labels: rarely(labels),
    value: optional(fc.record({ field: paths })),
    index: rarely(fc.record({ label: fc.constantFrom('x', 'op', 'le'), names: fc.constant(['p', 'q']) })),
    histogram: optional(histograms),
  })
  .map(({ source, value, histogram, ...rest }) => ({ ...rest, ...source, ...(histogram ? { histogram } : { value }) }))
  .map((one) => JSON.parse(JSON.stringify(one)) as unknown);

function checkPlan({ tables }: MetricPlan): void {
  const families: string[] = [];
  for (const { labels: own, metrics, histograms: buckets = [], keySizeBytes, valueSizeBytes } of tables) {
    const inValue = (reading: NumberReading, elements?: { count: number; strideBytes: number }): void => {
      const more = elements === undefined ? 0 : (elements.count - 1) * elements.strideBytes;
      expect(endOf(reading) + Math.max(0, more)).toBeLessThanOrEqual(valueSizeBytes);
    };
    expect(new Set(own.map(({ name }) => name)).size).toBe(own.length);
    for (const { from, reading } of own) {
      expect(endOf(reading)).toBeLessThanOrEqual(from === 'key' ? keySizeBytes : valueSizeBytes);
    }
    for (const { value, elements } of metrics) inValue(value, elements);
    for (const { bounds, buckets: of } of buckets) {
      expect(bounds.length).toBeGreaterThan(0);
      expect(bounds.every((bound, i) => i === 0 || bound > (bounds[i - 1] ?? bound))).toBe(true);
      if (of.kind === 'key') {
        expect(endOf(of.number)).toBeLessThanOrEqual(keySizeBytes);
        expect(of.numbers).toHaveLength(bounds.length);
        inValue(of.value);
      } else {
        expect([of.count, of.count - 1]).toContain(bounds.length);
        const inElement = of.elements === undefined ? 0 : (of.elements.count - 1) * of.elements.strideBytes;
        expect(endOf(of.first) + (of.count - 1) * of.strideBytes + inElement).toBeLessThanOrEqual(valueSizeBytes);
      }
    }
    families.push(...[...metrics, ...buckets].map(({ family }) => family));
  }
  expect(new Set(families).size).toBe(families.length);
}

test('any declaration of any object gives faults, or a plan that reads nothing beyond its bytes', () => {
  let planned = 0;
  let refused = 0;
  fc.assert(
    fc.property(
      fc.tuple(hostile(2), hostile(2), hostile(2)),
      fc.array(series, { minLength: 1, maxLength: 2 }),
      ([key, value, global], list) => {
        const object = types.objectOf(
          {
            m: { key, value, type: types.mapTypes.percpuHash },
            r: { value, type: types.mapTypes.array },
          },
          { g: { layout: global } },
        );
        const spec = metricsSchema.safeParse({ auto: false, series: list });
        if (!spec.success) return;
        const { plan, faults } = metricPlan(object, spec.data);
        if (faults.length > 0) refused++;
        else {
          planned++;
          checkPlan(plan);
        }
        for (const { message } of faults) expect(message).toMatch(/^spec\.metrics\.series\[[01]\][^ ]*: ./);
      },
    ),
    { numRuns: 5000 },
  );
  expect(planned).toBeGreaterThan(30);
  expect(refused).toBeGreaterThan(500);
});
