import type { KubeObject } from '../../../../runtime/kube/objects.ts';
import { isNewerVersion } from '../../../../runtime/kube/resource-version.ts';
import { Store } from '../../../../runtime/kube/store.ts';

const object = (
  name: string,
  resourceVersion: string,
  more: { uid?: string; labels?: Record<string, string> } = {},
): KubeObject => ({
  metadata: { name, namespace: 'ns', uid: more.uid ?? `uid-${name}`, resourceVersion, creationTimestamp: '', ...more },
});

test.each([
  ['9', '10', false],
  ['10', '9', true],
  ['10', '10', false],
  ['18446744073709551615', '18446744073709551614', true],
  ['abc', 'abd', true],
  ['abc', 'abc', false],
])('version %s is newer than %s: %s', (a, b, newer) => {
  expect(isNewerVersion(a, b)).toBe(newer);
});

describe('a store', () => {
  test('takes newer states only', () => {
    const store = new Store();
    expect(store.set(object('a', '10'))?.type).toBe('added');
    expect(store.set(object('a', '9'))).toBeUndefined();
    expect(store.set(object('a', '10'))).toBeUndefined();
    expect(store.set(object('a', '11'))).toMatchObject({
      type: 'updated',
      old: { metadata: { resourceVersion: '10' } },
    });
    expect(store.delete(object('a', '10'))).toBeUndefined();
    expect(store.delete(object('a', '12'))).toMatchObject({
      type: 'deleted',
      old: { metadata: { resourceVersion: '11' } },
    });
    expect(store.delete(object('a', '12'))).toBeUndefined();
    expect(store.size).toBe(0);
  });

  test('a list is the truth, also where it is older', () => {
    const store = new Store();
    for (const name of ['a', 'b', 'c']) store.set(object(name, '10'));
    const events = [
      ...store.replace([object('a', '10'), object('b', '5'), object('d', '7'), object('c', '10', { uid: 'new' })]),
    ];
    expect(events.map(({ type, old, new: next }) => [type, (next ?? old).metadata.name])).toEqual([
      ['updated', 'b'],
      ['added', 'd'],
      ['updated', 'c'],
    ]);
    expect([...store.replace([])].map(({ type }) => type)).toEqual(['deleted', 'deleted', 'deleted', 'deleted']);
  });

  test('indexes follow the objects and leave nothing behind', () => {
    const store = new Store({ label: ({ metadata }) => Object.values(metadata.labels ?? {}) });
    store.set(object('a', '1', { labels: { x: 'p', y: 'q' } }));
    store.set(object('b', '2', { labels: { x: 'p' } }));
    const names = (value: string) => store.byIndex('label', value).map(({ metadata }) => metadata.name);
    expect(names('p')).toEqual(['a', 'b']);
    store.set(object('a', '3', { labels: { x: 'r' } }));
    expect([names('p'), names('q'), names('r')]).toEqual([['b'], [], ['a']]);
    [...store.replace([])];
    expect([names('p'), names('q'), names('r')]).toEqual([[], [], []]);
    expect(() => store.byIndex('none', 'x')).toThrow(RangeError);
  });
});
