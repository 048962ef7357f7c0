import { type RevisionContent, revisionHash, revisionName } from '../../../../bpf/revision/identity.ts';
import { bpfRevisionSchema } from '../../../../crds/bpf-revision.ts';
import type { RevisionTemplate } from '../../../../crds/load-config.ts';
import { sha256 } from '../../../../runtime/sha256.ts';

const content: RevisionContent = {
  uid: '0b7e1f1c-1111-2222-3333-444444444444',
  payload: {
    sha256: 'ab'.repeat(32),
    sizeBytes: 10,
    configMap: { namespace: 'bpf-system', name: 'bpf-payload-abababababababab' },
  },
};

describe('the hash of a revision', () => {
  test('is the same wherever and whenever it is made', () => {
    // A golden value: when it moves, every revision in every cluster is rolled out anew, and formatVersion must say so.
    expect(revisionHash(content, sha256)).toBe('8a06d7f9');
    expect(revisionHash(structuredClone(content), sha256)).toBe('8a06d7f9');
  });

  test.each<[string, RevisionContent]>([
    ['another BPF', { ...content, uid: 'other' }],
    ['another object', { ...content, payload: { ...content.payload, sha256: 'cd'.repeat(32) } }],
    ['another size', { ...content, payload: { ...content.payload, sizeBytes: 11 } }],
    [
      'another place',
      {
        ...content,
        payload: { ...content.payload, configMap: { namespace: 'x', name: 'bpf-payload-abababababababab' } },
      },
    ],
    ['a global', { ...content, template: { globals: { min_us: 10 } } }],
    ['a size of a map', { ...content, template: { maps: [{ name: 'm', maxEntries: 1 }] } }],
    ['an optional program', { ...content, template: { programs: [{ name: 'p', required: false }] } }],
    ['no place', { uid: content.uid, payload: { sha256: content.payload.sha256, sizeBytes: 10 } }],
  ])('%s has another', (_what, other) => {
    expect(revisionHash(other, sha256)).toMatch(/^[0-9a-f]{8}$/);
    expect(revisionHash(other, sha256)).not.toBe(revisionHash(content, sha256));
  });

  const hashOf = (template: RevisionTemplate) => revisionHash({ ...content, template }, sha256);

  test('covers what a template says, in whatever order, and that exactly', () => {
    expect(hashOf({ globals: { a: 1, b: [true, 'x'] }, maps: [{ name: 'm', maxEntries: 2 }] })).toBe('ebb29fcb');
    expect(hashOf({ maps: [{ maxEntries: 2, name: 'm' }], globals: { b: [true, 'x'], a: 1 } })).toBe('ebb29fcb');
    const templates: RevisionTemplate[] = [
      ...[{ a: 1 }, { a: '1' }, { a: true }, { a: [1] }, { a: [[1]] }, { a: [1, 2] }, { a: [2, 1] }, { b: 1 }].map(
        (globals) => ({ globals }),
      ),
      { programs: [{ firstOf: ['a', 'b'] }] },
      { programs: [{ firstOf: ['b', 'a'] }] },
      { programs: [{ name: 'a' }, { name: 'b' }] },
    ];
    expect(new Set(templates.map(hashOf)).size).toBe(templates.length);
  });

  test('fields cannot run into each other', () => {
    const at = (namespace: string, name: string): RevisionContent => ({
      ...content,
      payload: { ...content.payload, configMap: { namespace, name } },
    });
    expect(revisionHash(at('a', 'bc'), sha256)).not.toBe(revisionHash(at('ab', 'c'), sha256));
  });
});

test('the longest name of a BPF makes a name that an object may have', () => {
  const name = revisionName('n'.repeat(63), revisionHash(content, sha256));
  expect(name).toHaveLength(72);
  expect(bpfRevisionSchema.shape.metadata.shape.name.safeParse(name).success).toBe(true);
});
