import type { Contribution } from '../../../../operator/status/contribution.ts';
import { Counts } from '../../../../operator/status/counts.ts';
import { contribution, countsOf, failed, ready } from '../states.ts';

test('sums', () => {
  const counts = countsOf(
    ready,
    ready,
    failed,
    { progress: 'unknown', updated: true },
    { progress: 'waiting' },
    { progress: 'pending', listed: true },
    { listed: true },
  );
  expect([counts.desired, counts.updated, counts.listed]).toEqual([6, 4, 5]);
  expect((['ready', 'failed', 'unknown', 'waiting', 'pending'] as const).map((key) => counts.in(key))).toEqual([
    2, 1, 1, 1, 1,
  ]);
});

const failedBy = (reason: string, message = ''): Contribution =>
  contribution({ ...failed, trouble: { reason, message } });

test('groups: the largest first, then by name; the first nodes by name; what the first of them said', () => {
  const counts = new Counts();
  counts.add('n3', failedBy('B', 'third'));
  counts.add('n1', failedBy('B', 'first'));
  counts.add('n2', failedBy('B', 'second'));
  counts.add('n5', failedBy('C'));
  counts.add('n4', failedBy('A'));
  expect(counts.failures(2, 2)).toEqual([
    { reason: 'B', count: 3, nodes: ['n1', 'n2'], message: 'first' },
    { reason: 'A', count: 1, nodes: ['n4'], message: '' },
  ]);
  expect(counts.warnings(2, 2)).toEqual([]);
});

test('a warning beside ready is no failure', () => {
  const counts = countsOf({ ...ready, trouble: { reason: 'MetricConflict', message: 'm' } });
  expect(counts.failures(9, 9)).toEqual([]);
  expect(counts.warnings(9, 9)).toEqual([{ reason: 'MetricConflict', count: 1, nodes: ['n1'], message: 'm' }]);
});

test('what was added can be taken again, to the last trace', () => {
  const parts = [ready, failed, { ...ready, trouble: { reason: 'MetricConflict', message: 'm' } }];
  const counts = countsOf(...parts);
  expect(counts.equals(new Counts())).toBe(false);
  for (const [i, part] of parts.entries()) counts.remove(`n${i + 1}`, contribution(part));
  expect(counts.equals(new Counts())).toBe(true);
  expect(counts.failures(9, 9)).toEqual([]);
});

test.each<[string, Partial<Contribution>]>([
  ['progress', { ...ready, progress: 'pending' }],
  ['updated', { ...ready, updated: false }],
  ['listed', { ...ready, listed: false }],
  ['a failure', failed],
  ['a warning', { ...ready, trouble: { reason: 'MetricConflict', message: 'm' } }],
])('differ by %s', (_, other) => {
  expect(countsOf(ready).equals(countsOf(ready))).toBe(true);
  expect(countsOf(ready).equals(countsOf(other))).toBe(false);
});

test('differ by a message', () => {
  const other = { ...failed, trouble: { reason: 'VerifierRejected', message: 'something else' } };
  expect(countsOf(failed).equals(countsOf(other))).toBe(false);
});
