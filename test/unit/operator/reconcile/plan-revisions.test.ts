import type { BpfRevisionSpec } from '../../../../crds/bpf-revision.ts';
import { activeRevision, planRevisions, type RevisionInput } from '../../../../operator/reconcile/plan-revisions.ts';
import { bpfObject, revisionObject } from '../objects.ts';

const { payload } = revisionObject('x').spec;
const one = { name: 'b-11111111', payload };
const two = { name: 'b-22222222', payload };

/** Each step in one line: what, which, and what of it. */
function plan(input: Partial<RevisionInput>): string[] {
  return planRevisions({ bpf: bpfObject(), existing: [], wanted: one, nodeCount: 3, ...input }).map((step) => {
    if (step.type === 'create') return `create ${step.draft.metadata.name} ${summary(step.draft.spec)}`;
    if (step.type === 'delete') return `delete ${step.revision.metadata.name}`;
    const { spec } = step.patch as { spec?: object };
    return `patch ${step.revision.metadata.name} ${JSON.stringify(spec ?? {})}`;
  });
}
const summary = ({ sequence, active }: BpfRevisionSpec) => `${sequence} ${active ? 'active' : 'inactive'}`;

const first = revisionObject('b-11111111');
const second = revisionObject('b-22222222', { sequence: 2 });
const firstEnded = revisionObject('b-11111111', { active: false });
const ended = (name: string, sequence: number) => revisionObject(name, { sequence, active: false });

test.each<[string, Partial<RevisionInput>, string[]]>([
  ['the first', {}, ['create b-11111111 1 active']],
  ['as it is', { existing: [first] }, []],
  [
    'another content: the new one first, then the old one ends',
    { existing: [first], wanted: two },
    ['create b-22222222 2 active', 'patch b-11111111 {"active":false}'],
  ],
  ['killed between the two', { existing: [first, second], wanted: two }, ['patch b-11111111 {"active":false}']],
  [
    'back to the first: the same, with a new sequence',
    { existing: [firstEnded, second] },
    ['patch b-11111111 {"sequence":3,"active":true}', 'patch b-22222222 {"active":false}'],
  ],
  ['suspended', { existing: [first], bpf: bpfObject({ suspend: true }) }, ['patch b-11111111 {"active":false}']],
  ['suspended from the start', { bpf: bpfObject({ suspend: true }) }, ['create b-11111111 1 inactive']],
  ['suspended already', { existing: [firstEnded], bpf: bpfObject({ suspend: true }) }, []],
  ['resumed', { existing: [firstEnded] }, ['patch b-11111111 {"active":true}']],
  ['refused: what runs stays', { existing: [first], wanted: undefined }, []],
  ['refused from the start', { wanted: undefined }, []],
  [
    'refused and suspended',
    { existing: [first], wanted: undefined, bpf: bpfObject({ suspend: true }) },
    ['patch b-11111111 {"active":false}'],
  ],
  [
    'a new generation of the same',
    { existing: [first], bpf: bpfObject({}, { generation: 2 }) },
    ['patch b-11111111 {"generation":2}'],
  ],
  [
    'another selector',
    { existing: [first], bpf: bpfObject({ nodeSelector: { a: 'b' } }) },
    ['patch b-11111111 {"selector":{"nodeSelector":{"a":"b"}}}'],
  ],
  [
    'no selector any more',
    { existing: [revisionObject('b-11111111', { selector: { nodeSelector: { a: 'b' } } })] },
    ['patch b-11111111 {"selector":{"nodeSelector":null}}'],
  ],
  ['more nodes are not worth telling every agent', { existing: [first], nodeCount: 4000 }, []],
  [
    'three of history are kept',
    {
      existing: [
        ended('b-aaaaaaaa', 1),
        ended('b-bbbbbbbb', 2),
        ended('b-cccccccc', 3),
        revisionObject('b-dddddddd', { sequence: 4 }),
      ],
      wanted: one,
    },
    ['create b-11111111 5 active', 'patch b-dddddddd {"active":false}', 'delete b-aaaaaaaa'],
  ],
  [
    'of an earlier BPF of this name',
    { existing: [revisionObject('b-33333333', { bpf: { ...first.spec.bpf, uid: 'u-earlier' }, sequence: 9 })] },
    ['create b-11111111 1 active', 'delete b-33333333'],
  ],
])('%s', (_, input, expected) => {
  expect(plan(input)).toEqual(expected);
});

test('what is going already is not deleted again', () => {
  const going = revisionObject('b-33333333', { bpf: { ...first.spec.bpf, uid: 'u-earlier' } });
  going.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
  expect(plan({ existing: [going, first] })).toEqual([]);
});

test('a patch is on top of what was read, and puts label and owner back', () => {
  const stray = revisionObject('b-11111111');
  delete stray.metadata.labels;
  delete stray.metadata.ownerReferences;
  const [step] = planRevisions({ bpf: bpfObject(), existing: [stray], wanted: one, nodeCount: 3 });
  expect(step).toMatchObject({
    type: 'patch',
    patch: {
      metadata: {
        uid: 'u-b-11111111',
        resourceVersion: '1',
        labels: { 'bpf.sh/bpf': 'b' },
        ownerReferences: [{ kind: 'BPF', uid: 'u-b', controller: true }],
      },
    },
  });
});

test('a template is in the revision as it was said; without one there is none', () => {
  const template = { globals: { min_us: 10 }, programs: [{ firstOf: ['a', 'b'] }] };
  const specOf = (wanted: RevisionInput['wanted']) => {
    const [step] = planRevisions({ bpf: bpfObject(), existing: [], wanted, nodeCount: 3 });
    return step?.type === 'create' ? step.draft.spec : undefined;
  };
  expect(specOf({ ...one, template })).toMatchObject({ template });
  expect(specOf({ ...one, template: undefined })).not.toHaveProperty('template');
});

test('a report is spread over a millisecond for each node, five seconds at most', () => {
  const jitterOf = (nodeCount: number) => {
    const [step] = planRevisions({ bpf: bpfObject(), existing: [], wanted: one, nodeCount });
    return step?.type === 'create' ? step.draft.spec.jitterMs : undefined;
  };
  expect([0, 40, 5000, 5001].map(jitterOf)).toEqual([0, 40, 5000, 5000]);
});

test('nodes run the active one with the highest sequence, of this very BPF', () => {
  const foreign = revisionObject('b-33333333', { bpf: { ...first.spec.bpf, uid: 'u-earlier' }, sequence: 9 });
  expect(activeRevision(bpfObject(), [first, second, ended('b-99999999', 8), foreign])).toBe(second);
  expect(activeRevision(bpfObject(), [second, first])).toBe(second);
  expect(activeRevision(bpfObject(), [ended('b-99999999', 8), foreign])).toBeUndefined();
});
