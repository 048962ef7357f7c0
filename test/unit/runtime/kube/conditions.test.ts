import { type Condition, findCondition, setCondition } from '../../../../runtime/kube/conditions.ts';

const at = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const old: Condition = {
  type: 'Ready',
  status: 'False',
  reason: 'Waiting',
  message: 'm',
  observedGeneration: 1,
  lastTransitionTime: '2026-01-01T00:00:00Z',
};
const { lastTransitionTime: _, ...draft } = old;

describe('setCondition', () => {
  test('adds at the end, in whole seconds', () => {
    const other: Condition = { ...old, type: 'Accepted' };
    const next = setCondition([other], draft, at);
    expect(next).toEqual([other, { ...old, lastTransitionTime: '2026-01-02T03:04:05Z' }]);
  });

  test.each([
    ['status', { ...draft, status: 'True' as const }, '2026-01-02T03:04:05Z'],
    ['reason', { ...draft, reason: 'Other' }, old.lastTransitionTime],
    ['message', { ...draft, message: 'other' }, old.lastTransitionTime],
    ['generation', { ...draft, observedGeneration: 2 }, old.lastTransitionTime],
  ])('a change of %s', (_, changed, lastTransitionTime) => {
    const before = Object.freeze([Object.freeze({ ...old })]);
    expect(setCondition(before, changed, at)).toEqual([{ ...changed, lastTransitionTime }]);
  });

  test('no change is the same array', () => {
    const before = [old];
    expect(setCondition(before, draft, at)).toBe(before);
  });

  test('the order of the others stays', () => {
    const types = ['A', 'Ready', 'B'].map((type) => ({ ...old, type }));
    const next = setCondition<Condition>(types, { ...draft, status: 'True' }, at);
    expect(next.map(({ type, status }) => [type, status])).toEqual([
      ['A', 'False'],
      ['Ready', 'True'],
      ['B', 'False'],
    ]);
  });

  test('findCondition', () => {
    expect(findCondition([old], 'Ready')).toBe(old);
    expect(findCondition([old], 'Other')).toBeUndefined();
    expect(findCondition(undefined, 'Ready')).toBeUndefined();
  });
});
