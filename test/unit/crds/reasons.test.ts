import { bpfNodeSchema } from '../../../crds/bpf-node.ts';
import { conditionSchema } from '../../../crds/condition.ts';
import { labelValueMaxLength, payloadConfigMapName, payloadLabelValue } from '../../../crds/names.ts';
import { bpfConditions, nodeConditions, nodeReasons, phases } from '../../../crds/reasons.ts';

const verdicts = [...Object.entries(bpfConditions), ...Object.entries(nodeConditions)].flatMap(([type, table]) =>
  (['True', 'False'] as const).flatMap((status) =>
    Object.entries(table[status]).map(([reason, meaning]: [string, string]) => ({ type, status, reason, meaning })),
  ),
);

describe('what status writers may say, the API server takes', () => {
  test.each(verdicts)('condition $type=$status, $reason', ({ type, status, reason, meaning }) => {
    const condition = { type, status, reason, message: meaning, lastTransitionTime: '2026-01-02T03:04:05Z' };
    expect(conditionSchema.safeParse(condition).error).toBeUndefined();
  });

  test.each(Object.entries(nodeReasons))('reason on a node: %s', (reason, message) => {
    const node = {
      apiVersion: 'bpf.sh/v1alpha1',
      kind: 'BPFNode',
      metadata: { name: 'n1' },
      status: { programs: [{ ref: 'ns/name', revision: '5f2a9c01', state: 'Failed', reason, message }] },
    };
    expect(bpfNodeSchema.safeParse(node).error).toBeUndefined();
  });

  test('every meaning is a sentence', () => {
    const meanings = [
      ...verdicts.map(({ meaning }) => meaning),
      ...Object.values(nodeReasons),
      ...Object.values(phases),
    ];
    expect(meanings.filter((meaning) => !/^[A-Z].*\.$/.test(meaning))).toEqual([]);
  });
});

test('a pinned payload is named, and labelled, by its digest', () => {
  const sha256 = '5f2a9c01d2e3f405'.repeat(4);
  expect(payloadConfigMapName(sha256)).toBe('bpf-payload-5f2a9c01d2e3f405');
  expect(payloadLabelValue(sha256).length).toBeLessThanOrEqual(labelValueMaxLength);
});
