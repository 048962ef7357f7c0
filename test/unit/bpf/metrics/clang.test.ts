import { join } from 'node:path';
import { zeroConfig } from '../../../../bpf/metrics/zero-config.ts';
import { readObject } from '../../../../bpf/object/read-object.ts';
import { compileBpf } from '../../../fixtures/compile.ts';

const objects = join(import.meta.dirname, '../../../fixtures/objects');
const planned = (name: string): ReturnType<typeof zeroConfig> =>
  zeroConfig(readObject(compileBpf(join(objects, `${name}.bpf.c`))));

test('what clang writes is planned as C means it', () => {
  const { plan, faults } = planned('metrics');
  expect(faults).toEqual([]);
  const [flows, verdicts, ...sections] = plan.tables;
  expect(flows?.labels.map(({ name, from, reading }) => [name, from, reading.kind])).toEqual([
    ['last', 'value', 'text'],
    ['comm', 'key', 'text'],
    ['peer_ip', 'key', 'int'],
    ['peer_port', 'key', 'int'],
    ['bytes_24', 'key', 'hex'],
    ['verdict', 'key', 'enum'],
    ['ingress', 'key', 'bits'],
    ['mark', 'key', 'bits'],
    ['first', 'key', 'int'],
    ['key_node', 'key', 'int'],
    ['mac', 'key', 'hex'],
  ]);
  const readings = new Map(flows?.labels.map(({ name, reading }) => [name, reading]));
  expect(readings.get('peer_port')).toEqual({ kind: 'int', offsetBytes: 20, sizeBytes: 2, signed: false });
  expect(readings.get('bytes_24')).toEqual({ kind: 'hex', offsetBytes: 24, sizeBytes: 16 });
  expect(readings.get('ingress')).toEqual({ kind: 'bits', offsetBytes: 44, shift: 0, bitSize: 1, signed: false });
  expect(readings.get('mark')).toEqual({ kind: 'bits', offsetBytes: 44, shift: 1, bitSize: 20, signed: false });
  expect(readings.get('key_node')).toEqual({ kind: 'int', offsetBytes: 48, sizeBytes: 8, signed: false });
  expect(flows?.distinct).toBe(false);
  expect(
    flows?.metrics.map(({ family, type, value, elements }) => [family, type, value.offsetBytes, elements]),
  ).toEqual([
    ['bpf_flows_calls_total', 'counter', 0, undefined],
    ['bpf_flows_balance', 'untyped', 8, undefined],
    ['bpf_flows_slots', 'untyped', 24, { count: 4, strideBytes: 4 }],
  ]);
  expect(verdicts).toMatchObject({
    map: 'verdicts',
    labels: [{ name: 'key', reading: { kind: 'int' } }],
    distinct: true,
  });
  expect(sections.map(({ map, metrics }) => [map, metrics.map(({ family }) => family)]).toSorted()).toEqual([
    ['.bss', ['bpf_seen_total']],
    ['.data', ['bpf_level']],
  ]);
  expect(plan.notes).toEqual([
    'member cookie of the value of map "flows" is not exported: pointer',
    'map "events" is not exported: maps of type 27 are not',
    'global "table" is not exported: not an integer',
  ]);
});

test('members that come out alike are refused', () => {
  expect(planned('alike').faults).toMatchObject([
    { claimants: ['member a_b of the key of map "hits"', 'member a.b of the key of map "hits"'] },
  ]);
});
