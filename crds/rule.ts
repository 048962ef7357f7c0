import type * as z from 'zod';

/** A CEL rule of a CRD, as the API server takes it (`x-kubernetes-validations`). */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
}

/** The same rule twice: in CEL for the API server, in TypeScript for directory mode, where there is none. */
export interface Rule<T> extends CelRule {
  holds(value: T): boolean;
}

/** What a schema's `.meta()` may carry besides JSON Schema's own words; `toStructural` passes these on. */
declare module 'zod' {
  interface GlobalMeta {
    'x-kubernetes-validations'?: readonly CelRule[];
    'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
    'x-kubernetes-list-map-keys'?: readonly string[];
    'x-kubernetes-map-type'?: 'atomic' | 'granular';
    'x-kubernetes-preserve-unknown-fields'?: true;
    maxProperties?: number;
    minimum?: number;
    maximum?: number;
  }
}

/** The schema with rules that hold on every read and every write. */
export function withRules<S extends z.ZodType>(schema: S, ...rules: readonly Rule<z.output<S>>[]): S {
  let checked = schema;
  for (const { message, holds } of rules) checked = checked.refine(holds, { message });
  return checked.meta({
    ...schema.meta(),
    'x-kubernetes-validations': [...celRulesOf(schema), ...rules.map(({ rule, message }) => ({ rule, message }))],
  });
}

/** The schema with rules about a change (`oldSelf`): the API server's alone, since a file has no before. */
export function withTransitionRules<S extends z.ZodType>(schema: S, ...rules: readonly CelRule[]): S {
  return schema.meta({ ...schema.meta(), 'x-kubernetes-validations': [...celRulesOf(schema), ...rules] });
}

const celRulesOf = (schema: z.ZodType): readonly CelRule[] => schema.meta()?.['x-kubernetes-validations'] ?? [];
