import type { BpfNodeProgram } from '../../../../crds/bpf-node.ts';
import { type Contribution, contributionOf, reportOf, type Wish } from '../../../../operator/status/contribution.ts';
import { contribution, nodeState } from '../states.ts';

const wish: Wish = { ref: 'a/b', revision: '11111111', selection: {} };
const report = (more: Partial<BpfNodeProgram> = {}): BpfNodeProgram => ({ ref: 'a/b', revision: '11111111', ...more });
const old = report({ revision: '00000000' });
const verifier = { state: 'Failed', reason: 'VerifierRejected', message: 'no' } as const;

test.each<[string, Parameters<typeof nodeState>[0], Partial<Wish>, Partial<Contribution>]>([
  ['no report, agent at work', {}, {}, { progress: 'pending' }],
  ['no report, agent not heard of yet', { reporting: false }, {}, { progress: 'waiting' }],
  ['no report, agent away for a moment', { health: 'unready' }, {}, { progress: 'waiting' }],
  ['no report, agent away', { health: 'unknown' }, {}, { progress: 'unknown' }],
  ['ready', { reports: [report()] }, {}, { progress: 'ready', updated: true, listed: true }],
  ['ready, said', { reports: [report({ state: 'Ready' })] }, {}, { progress: 'ready', updated: true, listed: true }],
  ['loading', { reports: [report({ state: 'Pending' })] }, {}, { progress: 'pending', listed: true }],
  ['ready with the revision before', { reports: [old] }, {}, { progress: 'pending', listed: true }],
  [
    'failed',
    { reports: [report(verifier)] },
    {},
    { progress: 'failed', updated: true, listed: true, trouble: { reason: 'VerifierRejected', message: 'no' } },
  ],
  [
    'failed with the revision before',
    { reports: [report({ ...verifier, revision: '00000000' })] },
    {},
    { progress: 'pending', listed: true },
  ],
  [
    'failed without a reason',
    { reports: [report({ state: 'Failed' })] },
    {},
    { progress: 'failed', updated: true, listed: true, trouble: { reason: 'Internal', message: '' } },
  ],
  [
    'ready with a warning',
    { reports: [report({ reason: 'MetricConflict', message: 'm' })] },
    {},
    { progress: 'ready', updated: true, listed: true, trouble: { reason: 'MetricConflict', message: 'm' } },
  ],
  [
    'ready, agent away for a moment',
    { health: 'unready', reports: [report()] },
    {},
    { progress: 'ready', updated: true },
  ],
  ['ready, agent away', { health: 'unknown', reports: [report()] }, {}, { progress: 'unknown', updated: true }],
  [
    'failed, agent away',
    { health: 'unknown', reports: [report(verifier)] },
    {},
    { progress: 'unknown', updated: true },
  ],
  ['no place for an agent', { eligible: false }, {}, {}],
  ['not selected', {}, { selection: { nodeSelector: { a: 'b' } } }, {}],
  ['selected', { labels: { a: 'b' } }, { selection: { nodeSelector: { a: 'b' } } }, { progress: 'pending' }],
  [
    'no longer selected, still running',
    { reports: [old] },
    { selection: { nodeSelector: { a: 'b' } } },
    { listed: true },
  ],
  ['nothing wanted', {}, { revision: undefined }, {}],
  ['nothing wanted, still running', { reports: [old] }, { revision: undefined }, { listed: true }],
  ['nothing wanted, still running, agent away', { health: 'unready', reports: [old] }, { revision: undefined }, {}],
  ['a report on another BPF', { reports: [report({ ref: 'a/c' })] }, {}, { progress: 'pending' }],
])('%s', (_, node, wanted, expected) => {
  expect(contributionOf({ ...wish, ...wanted }, nodeState(node))).toEqual(contribution(expected));
});

test('a report is found wherever it is', () => {
  for (let count = 0; count <= 9; count++) {
    const reports = Array.from({ length: count }, (_, i) => report({ ref: `a/${10 + i * 2}` }));
    for (const [i, found] of reports.entries()) {
      expect(reportOf(reports, found.ref)).toBe(found);
      expect(reportOf(reports, `a/${11 + i * 2}`)).toBeUndefined();
    }
    expect(reportOf(reports, 'a/')).toBeUndefined();
    expect(reportOf(reports, 'b')).toBeUndefined();
  }
});
