import * as z from 'zod';
import { bpfSchema } from '../../../crds/bpf.ts';
import { problemsText, readManifest } from '../../../crds/read-manifest.ts';
import { unknownFields } from '../../../crds/unknown-fields.ts';
import { manifestCases } from '../../fixtures/bpf-manifests.ts';
import { talkManifest, withSpec } from '../../fixtures/manifest-case.ts';

/** As it comes from a file: no undefined. */
const read = (manifest: object) => readManifest(bpfSchema, JSON.parse(JSON.stringify(manifest)));

describe('a manifest from a file is accepted or refused as by the API server', () => {
  test.each(manifestCases.map((row) => [row.what, row] as const))('%s', (_what, { manifest, refused }) => {
    const result = read(manifest);
    expect(result.ok ? undefined : [...new Set(result.problems.map(({ field }) => field))]).toEqual(
      refused && [refused.field],
    );
  });

  test('defaults are filled in', () => {
    const result = read(talkManifest);
    expect(result.ok && result.value.spec.suspend).toBe(false);
  });

  test.each(['nodeSelector', 'globals'])('a key __proto__ in %s is told, and not left out', (field) => {
    const manifest = withSpec({ [field]: JSON.parse('{"__proto__": "1", "b": "2"}') });
    const result = readManifest(bpfSchema, manifest);
    expect(!result.ok && problemsText(result.problems)).toBe(`spec.${field}: __proto__ cannot be a key`);
  });

  test('other names of Object.prototype are kept', () => {
    const globals = { constructor: 1, toString: 2 };
    const result = read(withSpec({ globals }));
    expect(result.ok && Object.entries(result.value.spec.globals ?? {})).toEqual(Object.entries(globals));
  });

  test('all problems are said at once', () => {
    const result = read({ ...talkManifest, kind: 'BFP', spec: { programm: {}, program: { valueFrom: {} } } });
    expect(!result.ok && problemsText(result.problems)).toMatch(
      /^spec\.programm: unknown field; kind: .+; spec\.program\.valueFrom\.configMapKeyRef: /,
    );
  });

  test.each([undefined, null, 'text', 7, [], [talkManifest]])('%j is no manifest', (manifest) => {
    const result = readManifest(bpfSchema, manifest);
    expect(!result.ok && result.problems.map(({ field }) => field)).toEqual(['']);
  });
});

describe('unknown fields', () => {
  const schema = z.object({
    list: z.array(z.object({ a: z.boolean() })).optional(),
    map: z.record(z.string(), z.object({ a: z.boolean() })).default({}),
    checked: z.preprocess((value) => value, z.record(z.string(), z.object({ a: z.boolean() }))).optional(),
    any: z.unknown(),
    maybe: z.object({ a: z.boolean() }).nullable(),
  });

  test.each([
    [{ list: [{ a: true }, { b: 1 }] }, ['list[1].b']],
    [{ map: { k: { a: true, b: 1 } } }, ['map.k.b']],
    [{ checked: { k: { a: true, b: 1 } } }, ['checked.k.b']],
    [{ any: { whatever: [1] } }, []],
    [{ maybe: { b: 1 } }, ['maybe.b']],
    [{ maybe: null }, []],
    [{ list: 'of the wrong type' }, []],
    [{ toString: 1, constructor: 2 }, ['toString', 'constructor']],
    [JSON.parse('{"__proto__": {"a": 1}}'), ['__proto__']],
  ])('%j', (value, expected) => {
    expect(unknownFields(schema, value)).toEqual(expected);
  });
});
