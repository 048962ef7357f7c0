import { existsSync, readFileSync } from 'node:fs';
import { readBtf } from '../../../../bpf/object/btf.ts';
import { kinds } from '../../../../bpf/object/btf-kinds.ts';
import { findEnums } from '../../../../bpf/object/find-enums.ts';
import { int, makeBtf, pointer, struct, type TypeParts } from '../../../fixtures/btf-builder.ts';
import { objectErrorOf } from '../../../fixtures/object-error-of.ts';

const enumeration = (name: string, kind: number, ...data: (string | number)[]): TypeParts => ({
  kind,
  name,
  sizeOrType: kind === kinds.enum ? 4 : 8,
  count: data.length / (kind === kinds.enum ? 2 : 3),
  data,
});

/** What is found, and in how many steps. */
function search(bytes: Uint8Array, ...names: string[]) {
  const steps = findEnums(bytes, new Set(names), 'btf');
  let count = 0;
  for (;;) {
    const step = steps.next();
    if (step.done) return { found: step.value, steps: count };
    count++;
  }
}

test('finds those that are wanted among types of all lengths; of a name that comes twice the first with enumerators', () => {
  const bytes = makeBtf([
    int('int', 4),
    struct('s', 8, [
      ['x', 1, 0],
      ['y', 1, 32],
    ]),
    enumeration('op', kinds.enum),
    enumeration('other', kinds.enum, 'A', 1),
    enumeration('op', kinds.enum, 'READ', 0, 'FIRST', 0, 'WRITE', 1),
    pointer(1),
    enumeration('wide', kinds.enum64, 'HIGH', 0, 1),
    enumeration('op', kinds.enum, 'LATE', 0),
  ]);
  expect(search(bytes, 'op', 'wide', 'missing').found).toEqual(
    new Map([
      [
        'op',
        new Map([
          [0n, 'READ'],
          [1n, 'WRITE'],
        ]),
      ],
      ['wide', new Map([[2n ** 32n, 'HIGH']])],
    ]),
  );
});

test.each([
  [8191, 0],
  [8192, 1],
  [16_384, 2],
])('of %i types it gives way %i times', (count, steps) => {
  expect(search(makeBtf(Array.from({ length: count }, () => pointer(0))), 'op').steps).toBe(steps);
});

test.each<[string, Uint8Array, string]>([
  ['no BTF', Buffer.from('hello, world, this is no BTF'), 'BadBTF'],
  ['an unknown kind', makeBtf([int('int', 4), { kind: 20 }]), 'BadBTF'],
  ['a type that is cut off', makeBtf([int('int', 4), { kind: 6, name: 'op', count: 3, data: ['A', 1] }]), 'Truncated'],
])('%s is an error', (_, bytes, code) => {
  expect(objectErrorOf(() => search(bytes, 'op'))).toMatchObject({ code, facts: { section: 'btf' } });
});

const file = '/sys/kernel/btf/vmlinux';
// A kernel may have no BTF; where CI's has none, the runner makes a failure of this skip.
(existsSync(file) ? test : test.skip)(
  'of the running kernel it gives what the whole reader gives, in small steps',
  () => {
    const bytes = readFileSync(file);
    const btf = readBtf(bytes, file);
    const records = [...btf.recordsOf(kinds.enum), ...btf.recordsOf(kinds.enum64)].filter(({ count }) => count > 0);
    const names = [...new Set(records.map(({ nameOffset }) => btf.name(nameOffset)))].filter((name) => name !== '');
    const { found, steps } = search(bytes, ...names);
    expect(steps).toBe(Math.floor(btf.count / 8192));
    expect(found.size).toBe(names.length);
    const request = records.find(({ nameOffset }) => btf.name(nameOffset) === 'req_op');
    const layout = btf.layout(request?.id ?? 0);
    expect(found.get('req_op')).toEqual(layout.kind === 'enum' && layout.enumerators);
  },
);
