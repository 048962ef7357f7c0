import * as z from 'zod';

/**
 * The fields of a value that its schema does not have, as the API server's strict field validation names them:
 * `spec.programm`, `spec.terms[0].key`. Only fields of objects count; what has the wrong type is the schema's to say.
 */
export function unknownFields(schema: z.ZodType, value: unknown, path = ''): string[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodArray && Array.isArray(value)) {
    return value.flatMap((item, i) => unknownFields(inner.element as z.ZodType, item, `${path}[${i}]`));
  }
  if (!isRecord(value)) return [];
  const at = (key: string) => (path === '' ? key : `${path}.${key}`);
  if (inner instanceof z.ZodRecord) {
    return Object.entries(value).flatMap(([key, item]) => unknownFields(inner.valueType as z.ZodType, item, at(key)));
  }
  if (!(inner instanceof z.ZodObject)) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    const field = Object.hasOwn(inner.shape, key) ? inner.shape[key] : undefined;
    return field === undefined ? [at(key)] : unknownFields(field, item, at(key));
  });
}

function unwrap(schema: z.ZodType): z.ZodType {
  let inner = schema;
  for (;;) {
    if (inner instanceof z.ZodOptional || inner instanceof z.ZodNullable || inner instanceof z.ZodDefault) {
      inner = inner.unwrap() as z.ZodType;
    } else if (inner instanceof z.ZodPipe) {
      inner = inner.out as z.ZodType;
    } else {
      return inner;
    }
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
