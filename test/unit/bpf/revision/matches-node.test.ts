import { matchesNode } from '../../../../bpf/revision/matches-node.ts';
import type { NodeSelection } from '../../../../crds/node-selection.ts';

const node = {
  name: 'n1',
  labels: {
    arch: 'amd64',
    pool: '',
    cpus: '8',
    big: '9223372036854775807',
    over: '9223372036854775808',
    odd: '8a',
    constructor: 'x',
  },
};

type Terms = NonNullable<
  NonNullable<NonNullable<NodeSelection['affinity']>['nodeAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
>['nodeSelectorTerms'];
type Expression = NonNullable<Terms[number]['matchExpressions']>[number];

const terms = (...nodeSelectorTerms: Terms): NodeSelection => ({
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
});
const expression = (key: string, operator: Expression['operator'], ...values: string[]): NodeSelection =>
  terms({ matchExpressions: [{ key, operator, values }] });

const yes: Expression = { key: 'arch', operator: 'Exists' };
const no: Expression = { key: 'arch', operator: 'DoesNotExist' };

/** The cases of k8s.io/component-helpers' nodeaffinity_test.go and apimachinery's selector_test.go, and some of our own. */
describe('a node is selected as the scheduler would', () => {
  test.each<[string, NodeSelection, boolean]>([
    ['nothing is asked', {}, true],
    ['an empty node selector', { nodeSelector: {} }, true],
    ['an empty affinity', { affinity: {} }, true],
    ['an empty node affinity', { affinity: { nodeAffinity: {} } }, true],

    ['a label', { nodeSelector: { arch: 'amd64' } }, true],
    ['a label with another value', { nodeSelector: { arch: 'arm64' } }, false],
    ['a label that is not there', { nodeSelector: { zone: '' } }, false],
    ['an empty label', { nodeSelector: { pool: '' } }, true],
    ['two labels, one of them wrong', { nodeSelector: { arch: 'amd64', pool: 'x' } }, false],
    ['a label named as what every object has', { nodeSelector: { toString: 'x' } }, false],
    ['a label named so that is there', { nodeSelector: { constructor: 'x' } }, true],

    ['In: one of the values', expression('arch', 'In', 'arm64', 'amd64'), true],
    ['In: none of the values', expression('arch', 'In', 'arm64'), false],
    ['In: not there', expression('zone', 'In', 'a'), false],
    ['NotIn: one of the values', expression('arch', 'NotIn', 'amd64'), false],
    ['NotIn: none of the values', expression('arch', 'NotIn', 'arm64'), true],
    ['NotIn: not there', expression('zone', 'NotIn', 'a'), true],
    ['Exists', expression('pool', 'Exists'), true],
    ['Exists: not there', expression('zone', 'Exists'), false],
    ['DoesNotExist', expression('pool', 'DoesNotExist'), false],
    ['DoesNotExist: not there', expression('zone', 'DoesNotExist'), true],
    ['Gt: less', expression('cpus', 'Gt', '7'), true],
    ['Gt: equal', expression('cpus', 'Gt', '8'), false],
    ['Gt: by number, not by text', expression('cpus', 'Gt', '10'), false],
    ['Lt: more', expression('cpus', 'Lt', '9'), true],
    ['Lt: equal', expression('cpus', 'Lt', '8'), false],
    ['Gt: not there', expression('zone', 'Gt', '0'), false],
    ['Lt: not there', expression('zone', 'Lt', '0'), false],
    ['Gt: no number', expression('odd', 'Gt', '0'), false],
    ['Gt: an empty label', expression('pool', 'Gt', '0'), false],
    ['Gt: exact past 2^53', expression('big', 'Gt', '9223372036854775806'), true],
    ['Gt: past int64 is no number', expression('over', 'Gt', '0'), false],

    ['both requirements of a term', terms({ matchExpressions: [yes, yes] }), true],
    ['one of two requirements', terms({ matchExpressions: [yes, no] }), false],
    ['one of two terms', terms({ matchExpressions: [no] }, { matchExpressions: [yes] }), true],
    ['none of two terms', terms({ matchExpressions: [no] }, { matchExpressions: [no] }), false],
    ['a term that asks nothing selects nothing', terms({}), false],
    ['nor does one with empty lists', terms({ matchExpressions: [], matchFields: [] }), false],
    ['nor does it spoil another', terms({}, { matchExpressions: [yes] }), true],

    ['this node by name', terms({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] }), true],
    ['another node by name', terms({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n2'] }] }), false],
    ['any but this node', terms({ matchFields: [{ key: 'metadata.name', operator: 'NotIn', values: ['n1'] }] }), false],
    [
      'any but another node',
      terms({ matchFields: [{ key: 'metadata.name', operator: 'NotIn', values: ['n2'] }] }),
      true,
    ],
    [
      'a label and the name, one of them wrong',
      terms({ matchExpressions: [yes], matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n2'] }] }),
      false,
    ],

    ['node selector and affinity', { nodeSelector: { arch: 'amd64' }, ...expression('cpus', 'Gt', '7') }, true],
    ['node selector without affinity', { nodeSelector: { arch: 'amd64' }, ...expression('cpus', 'Gt', '8') }, false],
    ['affinity without node selector', { nodeSelector: { arch: 'arm64' }, ...expression('cpus', 'Gt', '7') }, false],
  ])('%s', (_what, selection, selected) => {
    expect(matchesNode(selection, node)).toBe(selected);
  });
});
