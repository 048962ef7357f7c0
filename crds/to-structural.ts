import * as z from 'zod';
import type { CelRule } from './rule.ts';

/**
 * zod → the structural OpenAPI v3 schema of a CRD. zod prints JSON Schema, of which Kubernetes takes a part only, and
 * asks for things that JSON Schema has no word for. What cannot be said is refused here, when the CRD is generated, and
 * not dropped: otherwise the API server would accept what the code refuses.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
 */
export interface Structural {
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  format?: string;
  description?: string;
  default?: unknown;
  nullable?: boolean;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: boolean;
  exclusiveMaximum?: boolean;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  minItems?: number;
  maxItems?: number;
  items?: Structural;
  maxProperties?: number;
  minProperties?: number;
  properties?: Record<string, Structural>;
  required?: string[];
  additionalProperties?: Structural;
  'x-kubernetes-validations'?: readonly CelRule[];
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  'x-kubernetes-list-map-keys'?: readonly string[];
  'x-kubernetes-map-type'?: 'atomic' | 'granular';
  'x-kubernetes-preserve-unknown-fields'?: true;
}

export class StructuralSchemaError extends Error {
  override readonly name = 'StructuralSchemaError';
  readonly path: string;

  constructor(path: string, problem: string) {
    super(`translate ${path === '' ? 'the root' : path}: ${problem}`);
    this.path = path;
  }
}

/** Throws StructuralSchemaError, with the field's path, for what a structural schema cannot say or a bound that is missing. */
export function toStructural(schema: z.ZodType): Structural {
  const refined = new Set<string>();
  const json = z.toJSONSchema(schema, {
    io: 'input', // what a manifest may say: a field with a default may be absent
    target: 'openapi-3.0', // `nullable` and boolean exclusive bounds, as in Kubernetes
    unrepresentable: 'any', // z.unknown() is fine where unknown fields are preserved; the rest is refused below
    cycles: 'throw',
    reused: 'inline', // a structural schema has no $ref
    override: ({ zodSchema, path }) => {
      if (zodSchema._zod.def.checks?.some((check) => check._zod.def.check === 'custom')) refined.add(path.join('/'));
      if (zodSchema instanceof z.ZodRecord && !isPlainString(zodSchema.keyType)) {
        throw new StructuralSchemaError(
          fieldPath(path.map(String)),
          'keys of a map can be constrained by a CEL rule only',
        );
      }
    },
  });
  return translate(json as JsonSchema, [], refined);
}

type JsonSchema = Record<string, unknown>;

const isPlainString = (schema: z.core.$ZodType): boolean =>
  schema._zod.def.type === 'string' && (schema._zod.def.checks ?? []).length === 0;

/** Keywords that mean the same on both sides. */
const samewords = [
  ...['type', 'format', 'description', 'default', 'nullable', 'enum'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  ...['minLength', 'maxLength', 'pattern', 'minItems', 'maxItems', 'minProperties', 'maxProperties', 'required'],
  ...['x-kubernetes-validations', 'x-kubernetes-list-type', 'x-kubernetes-list-map-keys', 'x-kubernetes-map-type'],
  'x-kubernetes-preserve-unknown-fields',
];
/** Keywords that `translate` goes into. */
const nested = ['properties', 'items', 'additionalProperties'];

function translate(json: JsonSchema, path: readonly string[], refined: ReadonlySet<string>): Structural {
  const where = fieldPath(path);
  for (const keyword of Object.keys(json)) {
    if (!samewords.includes(keyword) && !nested.includes(keyword)) {
      throw new StructuralSchemaError(where, `a structural schema has no ${keyword}`);
    }
  }
  const out: Structural = Object.fromEntries(
    samewords.filter((keyword) => json[keyword] !== undefined).map((keyword) => [keyword, json[keyword]]),
  );

  if (out.type === undefined && out['x-kubernetes-preserve-unknown-fields'] !== true) {
    throw new StructuralSchemaError(where, 'no type, and unknown fields are not preserved');
  }
  if (out.type === 'string') string(out, where);
  if (out.type === 'integer') integer(out);
  if (out.type === 'array') {
    if (out.maxItems === undefined) throw new StructuralSchemaError(where, 'a list needs maxItems');
    if (out['x-kubernetes-list-type'] === undefined) throw new StructuralSchemaError(where, 'a list needs a list type');
    out.items = translate(child(json['items'], where, 'items'), [...path, 'items'], refined);
  }
  if (out.type === 'object') object(json, out, path, refined);

  if (refined.has(path.join('/')) && !saysMore(out)) {
    throw new StructuralSchemaError(where, 'a check in code that no CEL rule or bound says as well');
  }
  return out;
}

/** Something that stands for a check which zod's JSON Schema leaves out. */
const saysMore = (out: Structural): boolean =>
  out['x-kubernetes-validations'] !== undefined ||
  out.maxProperties !== undefined ||
  out.maximum !== undefined ||
  out['x-kubernetes-list-type'] === 'map' ||
  out['x-kubernetes-list-type'] === 'set';

function string(out: Structural, where: string): void {
  if (out.format === 'date-time')
    delete out.pattern; // the format says it, and its length is known to the cost estimator
  else if (out.format !== undefined)
    throw new StructuralSchemaError(where, `format ${out.format} is not checked by the API server`);
  else if (out.enum === undefined && out.maxLength === undefined) {
    throw new StructuralSchemaError(where, 'a string needs maxLength or an enum');
  }
}

function integer(out: Structural): void {
  // zod bounds every int by what a JavaScript number holds exactly; that is no statement about the field.
  if (out.minimum === Number.MIN_SAFE_INTEGER) delete out.minimum;
  if (out.maximum === Number.MAX_SAFE_INTEGER) delete out.maximum;
  const fits32 = (bound: number | undefined) => bound !== undefined && Math.abs(bound) < 2 ** 31;
  out.format = fits32(out.minimum) && fits32(out.maximum) ? 'int32' : 'int64';
}

function object(json: JsonSchema, out: Structural, path: readonly string[], refined: ReadonlySet<string>): void {
  const where = fieldPath(path);
  const { properties, additionalProperties, propertyNames } = json;
  if (
    propertyNames !== undefined &&
    Object.keys(child(propertyNames, where, 'propertyNames')).some((keyword) => keyword !== 'type')
  ) {
    throw new StructuralSchemaError(where, 'keys of a map can be constrained by a CEL rule only');
  }
  if (properties !== undefined) {
    // `false` (z.strictObject) goes without saying: what is not in the schema is pruned, or refused by strict validation.
    if (additionalProperties !== undefined && additionalProperties !== false) {
      throw new StructuralSchemaError(where, 'an object has either properties or additionalProperties');
    }
    out.properties = {};
    for (const [key, value] of Object.entries(child(properties, where, 'properties'))) {
      const at = [...path, 'properties', key];
      const field = translate(child(value, fieldPath(at), 'schema'), at, refined);
      if (field.description === undefined) throw new StructuralSchemaError(fieldPath(at), 'no description');
      out.properties[key] = field;
    }
  } else if (additionalProperties !== undefined) {
    if (out.maxProperties === undefined) throw new StructuralSchemaError(where, 'a map needs maxProperties');
    out.additionalProperties = translate(
      child(additionalProperties, where, 'additionalProperties'),
      [...path, 'additionalProperties'],
      refined,
    );
  }
}

function child(value: unknown, where: string, keyword: string): JsonSchema {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new StructuralSchemaError(where, `${keyword} is no schema`);
  }
  return value as JsonSchema;
}

/** `properties/spec/properties/terms/items` → `spec.terms[]`. */
function fieldPath(path: readonly string[]): string {
  let text = '';
  for (let i = 0; i < path.length; i++) {
    if (path[i] === 'items') text += '[]';
    else if (path[i] === 'additionalProperties') text += '[*]';
    else text += `${text === '' ? '' : '.'}${path[++i]}`;
  }
  return text;
}
