import fc from 'fast-check';
import { mergePatchBetween } from '../../../../runtime/kube/status.ts';
import { mergePatch } from '../../../fakes/api-server/patch.ts';

describe('mergePatchBetween', () => {
  test.each<[string, unknown, unknown, unknown]>([
    ['the same', { a: 1, b: [1, { c: 2 }] }, { b: [1, { c: 2 }], a: 1 }, undefined],
    ['a new key', { a: 1 }, { a: 1, b: 2 }, { b: 2 }],
    ['a key gone', { a: 1, b: 2 }, { a: 1 }, { b: null }],
    ['a key that is undefined now', { a: 1, b: 2 }, { a: 1, b: undefined }, { b: null }],
    ['null where nothing was', { a: 1 }, { a: 1, b: null }, undefined],
    ['deep', { a: { b: { c: 1, d: 1 } } }, { a: { b: { c: 1, d: 2 } } }, { a: { b: { d: 2 } } }],
    ['a list is replaced whole', { a: [1, 2] }, { a: [1, 3] }, { a: [1, 3] }],
    ['a shorter list', { a: [1, 2] }, { a: [1] }, { a: [1] }],
    ['undefined in a list item', { a: [{ b: 1 }] }, { a: [{ b: 1, c: undefined }] }, undefined],
    ['another type', { a: { b: 1 } }, { a: 1 }, { a: 1 }],
    ['empty to empty', {}, {}, undefined],
    ['an empty object is something', {}, { a: {} }, { a: {} }],
    [
      'zero, false and empty text are values',
      { a: 1, b: true, c: 'x' },
      { a: 0, b: false, c: '' },
      { a: 0, b: false, c: '' },
    ],
  ])('%s', (_, current, next, patch) => {
    expect(mergePatchBetween(current, next)).toEqual(patch);
  });

  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.integer(),
      fc.string(),
      fc.boolean(),
      tie('record'),
      fc.array(tie('value'), { maxLength: 3 }),
    ),
    record: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), tie('value'), { maxKeys: 4 }),
  })).record;

  test('applied by RFC 7386 it gives the wanted, and nothing is left to patch', () => {
    fc.assert(
      fc.property(json, json, (current, next) => {
        const patch = mergePatchBetween(current, next);
        const result = patch === undefined ? current : mergePatch(current, patch);
        expect(result).toEqual(next);
        expect(mergePatchBetween(result, next)).toBeUndefined();
      }),
    );
  });
});
