import { metricPlan } from '../../../../bpf/metrics/metric-plan.ts';
import { readBtf } from '../../../../bpf/object/btf.ts';
import { metricsSchema } from '../../../../crds/metrics.ts';
import { int, makeBtf, type TypeParts, typedef } from '../../../fixtures/btf-builder.ts';
import { objectOf, u32, u64 } from '../../../fixtures/layouts.ts';

const enumeration = (name: string, ...values: (string | number)[]): TypeParts => ({
  kind: 6,
  name,
  sizeOrType: 4,
  count: values.length / 2,
  data: values,
});

const types = readBtf(
  makeBtf([
    int('unsigned int', 4),
    // A forward declaration has no enumerators.
    enumeration('state'),
    enumeration('state', 'OPEN', 1, 'CLOSED', 2),
    enumeration('other', 'A', 1),
    typedef('state_t', 3),
  ]),
);
const object = { ...objectOf({ hits: { key: u32, value: u64 } }), types: Object.assign(types, {}) };

const enumsOf = (...decoders: object[]) => {
  // The map's own types come from the other table: what the key is does not matter here.
  const map = { ...object.maps[0], keyTypeId: undefined, valueTypeId: undefined };
  const labels = [{ name: 'l', offset: 0, type: 'u32', decoders }];
  const series = [{ name: 'm', map: 'hits', value: { offset: 0, type: 'u64' }, labels }];
  const { plan, faults } = metricPlan({ ...object, maps: [map] } as typeof object, metricsSchema.parse({ series }));
  expect(faults).toEqual([]);
  return plan.tables[0]?.labels[0]?.enums;
};

test.each([
  [
    'a type that the object has',
    [{ name: 'enum', type: 'state' }],
    new Map([
      [
        'state',
        new Map([
          [1n, 'OPEN'],
          [2n, 'CLOSED'],
        ]),
      ],
    ]),
  ],
  ['a type that it has not', [{ name: 'enum', type: 'req_op' }], undefined],
  ['the name of a typedef, which is no enum', [{ name: 'enum', type: 'state_t' }], undefined],
  ['no decoder enum', [{ name: 'hex' }], undefined],
])('the plan has enumerators of the object: %s', (_, decoders, enums) => {
  expect(enumsOf(...decoders)).toEqual(enums);
});
