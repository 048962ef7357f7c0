import { chooseRevisions } from '../../../../agent/source/choose-revisions.ts';
import type { RevisionObject } from '../../../../agent/source/resources.ts';
import { type RevisionParts, revisionObject } from '../../../fixtures/revisions.ts';

const node = { name: 'n1', labels: { pool: 'a' } };
const chosen = (...parts: readonly RevisionParts[]) =>
  chooseRevisions(parts.map(revisionObject), node).chosen.map(({ ref, revision }) => `${ref}@${revision}`);

describe('of each BPF the active revision with the highest sequence that admits this node', () => {
  test.each<[string, RevisionParts[], string[]]>([
    ['none', [], []],
    ['the only one', [{}], ['default/pkts@5f2a9c01']],
    [
      'the highest',
      [
        { hash: '00000001', sequence: 1 },
        { hash: '00000003', sequence: 3 },
        { hash: '00000002', sequence: 2 },
      ],
      ['default/pkts@00000003'],
    ],
    [
      'not the inactive',
      [
        { hash: '00000001', sequence: 1 },
        { hash: '00000002', sequence: 2, active: false },
      ],
      ['default/pkts@00000001'],
    ],
    ['all inactive', [{ active: false }], []],
    [
      'not what is meant for others',
      [
        { hash: '00000001', sequence: 1 },
        { hash: '00000002', sequence: 2, nodeSelector: { pool: 'b' } },
      ],
      ['default/pkts@00000001'],
    ],
    ['what is meant for this node', [{ nodeSelector: { pool: 'a' } }], ['default/pkts@5f2a9c01']],
    [
      'each BPF its own, sorted',
      [{ name: 'b' }, { name: 'a' }, { name: 'a', namespace: 'z' }],
      ['default/a@5f2a9c01', 'default/b@5f2a9c01', 'z/a@5f2a9c01'],
    ],
    [
      'of a BPF that was made again the younger, whatever the sequences',
      [
        { uid: 'old', hash: '00000001', sequence: 9 },
        { uid: 'new', hash: '00000002', sequence: 1, createdAt: '2026-01-02T00:00:00Z' },
      ],
      ['default/pkts@00000002'],
    ],
  ])('%s', (_what, revisions, expected) => {
    expect(chosen(...revisions)).toEqual(expected);
    expect(chosen(...revisions.toReversed())).toEqual(expected);
  });

  test.each<[string, RevisionParts[], string[]]>([
    [
      'no revision of it is active',
      [
        { hash: '00000001', active: false },
        { hash: '00000002', active: false },
      ],
      ['uid-of-pkts'],
    ],
    ['one is', [{ hash: '00000001', active: false }, { hash: '00000002' }], []],
    [
      'one is, for other nodes',
      [
        { hash: '00000001', active: false },
        { hash: '00000002', nodeSelector: { pool: 'b' } },
      ],
      [],
    ],
    ['one of two BPFs is', [{ name: 'a', active: false }, { name: 'b' }], ['uid-of-a']],
  ])('a BPF is suspended when %s', (_what, revisions, uids) => {
    expect(chooseRevisions(revisions.map(revisionObject), node).suspended).toEqual(uids);
  });

  test('not one that is being deleted', () => {
    const object = revisionObject();
    const deleted = { ...object, metadata: { ...object.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    expect(chooseRevisions([deleted], node)).toEqual({ chosen: [], rejected: [], suspended: [] });
  });
});

describe('a revision of a newer operator', () => {
  const withSpec = (more: object): RevisionObject => {
    const object = revisionObject({ name: 'new' });
    return { ...object, spec: { ...(object.spec as object), ...more } };
  };

  test('may have fields that this agent does not know', () => {
    const { chosen, rejected } = chooseRevisions([withSpec({ rolloutThreshold: 7, template: {} })], node);
    expect([chosen.length, rejected.length]).toEqual([1, 0]);
  });

  test('that cannot be read is rejected by the name of its BPF, and hurts no other', () => {
    const { chosen, rejected } = chooseRevisions([withSpec({ sequence: 'later' }), revisionObject()], node);
    expect(chosen.map(({ ref }) => ref)).toEqual(['default/pkts']);
    expect(rejected).toEqual([
      {
        ref: 'default/new',
        reason: 'Internal',
        revision: '5f2a9c01',
        message: expect.stringMatching(/^read BPFRevision default\/new-5f2a9c01: spec\.sequence: .*operator/),
      },
    ]);
  });

  test('that cannot be read leaves the one that can', () => {
    const { chosen, rejected } = chooseRevisions(
      [withSpec({ sequence: 'later' }), revisionObject({ name: 'new', hash: '00000001' })],
      node,
    );
    expect(chosen.map(({ revision }) => revision)).toEqual(['00000001']);
    expect(rejected).toEqual([]);
  });

  test('that has another form of name is rejected', () => {
    const object = revisionObject();
    const { rejected } = chooseRevisions([{ ...object, metadata: { ...object.metadata, name: 'pkts-v2' } }], node);
    expect(rejected).toEqual([{ ref: 'default/pkts', reason: 'Internal', message: expect.stringContaining('hash') }]);
  });
});
