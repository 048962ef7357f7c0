import * as z from 'zod';
import { withRules, withTransitionRules } from '../../../crds/rule.ts';
import { StructuralSchemaError, toStructural } from '../../../crds/to-structural.ts';

const described = <S extends z.ZodType>(schema: S): S => schema.meta({ ...schema.meta(), description: 'd' });
const field = (schema: z.ZodType) => toStructural(z.object({ f: schema })).properties?.['f'];

describe('what a structural schema can say', () => {
  test.each<[string, z.ZodType, object]>([
    ['a bounded string', z.string().min(1).max(5), { type: 'string', minLength: 1, maxLength: 5 }],
    ['a pattern', z.string().max(5).regex(/^a+$/), { type: 'string', maxLength: 5, pattern: '^a+$' }],
    ['an enum, which needs no bound', z.enum(['a', 'b']), { type: 'string', enum: ['a', 'b'] }],
    ['a literal', z.literal('a'), { type: 'string', enum: ['a'] }],
    ['a time, whose format says its length', z.iso.datetime(), { type: 'string', format: 'date-time' }],
    [
      'a small integer',
      z
        .int()
        .min(0)
        .max(2 ** 31 - 1),
      { type: 'integer', format: 'int32', minimum: 0, maximum: 2 ** 31 - 1 },
    ],
    [
      'one past it',
      z
        .int()
        .min(0)
        .max(2 ** 31),
      { type: 'integer', format: 'int64', minimum: 0, maximum: 2 ** 31 },
    ],
    ['an integer without bounds', z.int(), { type: 'integer', format: 'int64' }],
    ['an exclusive bound', z.number().gt(0), { type: 'number', minimum: 0, exclusiveMinimum: true }],
    ['a default', z.boolean().default(false), { type: 'boolean', default: false }],
    ['a nullable', z.string().max(1).nullable(), { type: 'string', maxLength: 1, nullable: true }],
    [
      'a list',
      z.array(z.boolean()).max(2).meta({ 'x-kubernetes-list-type': 'atomic' }),
      { type: 'array', maxItems: 2, items: { type: 'boolean' }, 'x-kubernetes-list-type': 'atomic' },
    ],
    [
      'a map',
      z.record(z.string(), z.int()).meta({ maxProperties: 2 }),
      { type: 'object', maxProperties: 2, additionalProperties: { type: 'integer', format: 'int64' } },
    ],
    [
      'anything at all, where unknown fields are preserved',
      z.unknown().meta({ 'x-kubernetes-preserve-unknown-fields': true }),
      {
        'x-kubernetes-preserve-unknown-fields': true,
      },
    ],
    [
      'a check in code that a CEL rule says as well',
      withRules(z.boolean(), { rule: 'self', message: 'm', holds: (value) => value }),
      { type: 'boolean', 'x-kubernetes-validations': [{ rule: 'self', message: 'm' }] },
    ],
    [
      'rules about a change beside those about a value',
      withTransitionRules(withRules(z.boolean(), { rule: 'self', message: 'm', holds: (value) => value }), {
        rule: 'self == oldSelf',
        message: 'n',
      }),
      {
        type: 'boolean',
        'x-kubernetes-validations': [
          { rule: 'self', message: 'm' },
          { rule: 'self == oldSelf', message: 'n' },
        ],
      },
    ],
  ])('%s', (_what, schema, expected) => {
    expect(field(described(schema))).toEqual({ description: 'd', ...expected });
  });

  test('required are the fields that a manifest must have: neither optional ones nor those with a default', () => {
    const schema = z.object({
      must: described(z.boolean()),
      may: described(z.boolean()).optional(),
      filled: described(z.boolean().default(true)),
    });
    expect(toStructural(schema).required).toEqual(['must']);
  });

  test('a strict object says no more than any object', () => {
    expect(toStructural(z.strictObject({ f: described(z.boolean()) }))).toEqual(
      toStructural(z.object({ f: described(z.boolean()) })),
    );
  });
});

describe('what it cannot say is refused, by the path of the field', () => {
  test.each<[string, z.ZodType, RegExp]>([
    ['a union', described(z.union([z.boolean(), z.int()])), /^translate f: a structural schema has no anyOf$/],
    [
      'a tuple',
      described(z.tuple([z.boolean(), z.int()]).meta({ 'x-kubernetes-list-type': 'atomic' })),
      /^translate f\[\]: a structural schema has no anyOf$/,
    ],
    ['two patterns', described(z.string().max(5).regex(/a/).regex(/b/)), /has no allOf/],
    ['a type that JSON does not have', described(z.bigint()), /^translate f: no type/],
    ['anything at all', described(z.unknown()), /no type, and unknown fields are not preserved/],
    [
      'an open object',
      described(z.looseObject({ g: described(z.boolean()) })),
      /either properties or additionalProperties/,
    ],
    [
      'a constrained key',
      described(z.record(z.string().max(3), z.boolean()).meta({ maxProperties: 1 })),
      /by a CEL rule only/,
    ],
    ['a format that nobody checks', described(z.email().max(5)), /format email is not checked/],
    ['a string without bound', described(z.string()), /needs maxLength or an enum/],
    [
      'a list without bound',
      described(z.array(z.boolean()).meta({ 'x-kubernetes-list-type': 'atomic' })),
      /needs maxItems/,
    ],
    ['a list without a list type', described(z.array(z.boolean()).max(1)), /needs a list type/],
    ['a map without bound', described(z.record(z.string(), z.boolean())), /needs maxProperties/],
    [
      'a check in code alone',
      described(z.boolean().refine((value) => value)),
      /^translate f: a check in code that no CEL rule/,
    ],
    ['a field without description', z.boolean(), /^translate f: no description$/],
    [
      'something deep inside',
      described(
        z.object({
          list: described(
            z
              .array(z.object({ g: described(z.string()) }))
              .max(1)
              .meta({ 'x-kubernetes-list-type': 'atomic' }),
          ),
        }),
      ),
      /^translate f\.list\[\]\.g: a string needs/,
    ],
    [
      'something in a map',
      described(z.record(z.string(), z.string()).meta({ maxProperties: 1 })),
      /^translate f\[\*\]: a string needs/,
    ],
  ])('%s', (_what, schema, message) => {
    expect(() => field(schema)).toThrow(StructuralSchemaError);
    expect(() => field(schema)).toThrow(message);
  });
});
