import type { BpfStatus } from '../../../../crds/bpf.ts';
import { eventsBetween } from '../../../../operator/status/events-between.ts';

const condition = (type: string, status: 'True' | 'False', reason: string, message = '') => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: '2026-01-01T00:00:00Z',
});
const accepted = condition('Accepted', 'True', 'Accepted', 'object ab');
const ready = condition('Ready', 'True', 'AllNodesReady');
const notReady = condition('Ready', 'False', 'AwaitingNodes');
const group = (reason: string, count = 1) => ({ reason, count, nodes: ['n1'], message: 'words' });
const status = (...conditions: NonNullable<BpfStatus['conditions']>): BpfStatus => ({ revision: '1', conditions });

test.each<[string, BpfStatus | undefined, BpfStatus, string[]]>([
  ['the first', undefined, status(accepted, notReady), ['Normal Accepted']],
  ['nothing new', status(accepted, ready), status(accepted, ready), []],
  ['ready', status(accepted, notReady), status(accepted, ready), ['Normal RolledOut']],
  ['no longer ready', status(accepted, ready), status(accepted, notReady), []],
  ['another object', status(accepted), status({ ...accepted, message: 'object cd' }), ['Normal Accepted']],
  ['refused', status(accepted), status(condition('Accepted', 'False', 'NotAnELF')), ['Warning NotAnELF']],
  [
    'refused for the same reason, in other words',
    status(condition('Accepted', 'False', 'KeyNotFound', 'it has a')),
    status(condition('Accepted', 'False', 'KeyNotFound', 'it has b')),
    ['Warning KeyNotFound'],
  ],
  ['suspended', { phase: 'Ready' }, { phase: 'Suspended' }, ['Normal Suspended']],
  ['still suspended', { phase: 'Suspended' }, { phase: 'Suspended' }, []],
  ['a failure', status(), { ...status(), failures: [group('BTFMissing')] }, ['Warning BTFMissing']],
  [
    'more nodes of a known failure',
    { ...status(), failures: [group('BTFMissing')] },
    { ...status(), failures: [group('BTFMissing', 9)] },
    [],
  ],
  [
    'another failure',
    { ...status(), failures: [group('BTFMissing')] },
    { ...status(), failures: [group('BTFMissing'), group('Timeout')] },
    ['Warning Timeout'],
  ],
  [
    'the same failure of another revision',
    { ...status(), failures: [group('BTFMissing')] },
    { revision: '2', failures: [group('BTFMissing')] },
    ['Warning BTFMissing'],
  ],
  [
    'unreachable',
    status(condition('Degraded', 'False', 'AsExpected')),
    status(condition('Degraded', 'True', 'NodesUnreachable')),
    ['Warning NodesUnreachable'],
  ],
  [
    'still unreachable',
    status(condition('Degraded', 'True', 'NodesUnreachable', '1')),
    status(condition('Degraded', 'True', 'NodesUnreachable', '2')),
    [],
  ],
  ['failed nodes are told of by their own Events', status(), status(condition('Degraded', 'True', 'NodesFailed')), []],
])('%s', (_, old, next, expected) => {
  expect(eventsBetween(old, next).map(({ type, reason }) => `${type} ${reason}`)).toEqual(expected);
});

test("the note has the node's words", () => {
  const [event] = eventsBetween(undefined, { failures: [{ ...group('VerifierRejected', 2), nodes: ['n1', 'n2'] }] });
  expect(event?.note).toBe('VerifierRejected on 2 nodes (n1, n2): words');
});
