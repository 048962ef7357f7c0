import * as z from 'zod';
import { withRules } from './rule.ts';

/**
 * The pieces that kinds are made of, each with a bound: the API server refuses a CEL rule whose worst case it cannot
 * estimate, and what it would accept without bound a node would have to hold.
 */

/** Text without further form. */
export const text = (maxLength: number, description: string) => z.string().max(maxLength).meta({ description });

export const name = (description: string) => z.string().min(1).max(253).regex(dns1123Subdomain).meta({ description });

export const namespaceName = (description: string) =>
  z.string().min(1).max(63).regex(dns1123Label).meta({ description });

/** SHA-256 in lower-case hex. */
export const sha256Digest = (description: string) =>
  z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .max(64)
    .meta({ description });

/** First 8 hex digits of a revision's hash. */
export const revisionDigits = (description: string) =>
  z
    .string()
    .regex(/^[0-9a-f]{8}$/)
    .max(8)
    .meta({ description });

export const count = (description: string) => z.int().min(0).max(2_147_483_647).meta({ description });

/** RFC 3339, as the API server writes times. */
export const time = (description: string) => z.iso.datetime({ offset: true }).meta({ description });

/** A list that is replaced whole. */
export const atomicList = <T extends z.ZodType>(items: T, maxItems: number, description: string) =>
  z.array(items).max(maxItems).meta({ description, 'x-kubernetes-list-type': 'atomic' });

/** A list whose elements have an identity, so that two writers can own one each. */
export const listByKey = <T extends z.ZodType>(
  items: T,
  keys: readonly string[],
  maxItems: number,
  description: string,
) =>
  z
    .array(items)
    .max(maxItems)
    .refine((list) => new Set(list.map((item) => keyOf(item, keys))).size === list.length, 'duplicate entry')
    .meta({ description, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys });

const keyOf = (item: unknown, keys: readonly string[]): string =>
  JSON.stringify(keys.map((key) => (item as Record<string, unknown>)[key]));

/**
 * A map from names to values. Where a reader builds a plain object, `__proto__` is no key but the object's prototype, and
 * zod leaves it out without a word: so it is refused, before zod sees it.
 */
export const mapOf = <V extends z.ZodType>(values: V) =>
  z.preprocess(
    (value, context) => {
      if (typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__')) {
        context.addIssue({ code: 'custom', message: noPrototype.message });
      }
      return value;
    },
    z.record(z.string(), values),
  );

/** The same for the API server; one look-up, whatever the map's size. */
export const noPrototype = { rule: "!('__proto__' in self)", message: '__proto__ cannot be a key' };

/** A map from label keys to label values, replaced whole, as a Pod's nodeSelector is. */
export const labelMap = (maxProperties: number, description: string) =>
  withRules(
    mapOf(labelValue('A label value.'))
      .refine((map) => Object.keys(map).length <= maxProperties, `must have at most ${maxProperties} entries`)
      .meta({ description, maxProperties, 'x-kubernetes-map-type': 'atomic' }),
    {
      rule: `self.all(key, key.size() <= ${labelKeyMaxLength} && key.matches(r'${labelKeyPattern.source}'))`,
      message: 'keys must be label keys, such as kubernetes.io/arch',
      holds: (map) => Object.keys(map).every((key) => key.length <= labelKeyMaxLength && labelKeyPattern.test(key)),
    },
  );

export const labelValue = (description: string) => z.string().max(63).regex(labelValuePattern).meta({ description });

export const labelKey = (description: string) =>
  z.string().min(1).max(labelKeyMaxLength).regex(labelKeyPattern).meta({ description });

/** A name as C and Prometheus' labels have it. */
export const identifier = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

// The forms of names and labels are apimachinery's (pkg/util/validation/validation.go), written for RE2 and JavaScript
// alike.
const dns1123Label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
export const dns1123Subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const labelValuePattern = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const labelKeyPattern =
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
/** 253 of prefix, a slash, 63 of name. */
const labelKeyMaxLength = 317;
