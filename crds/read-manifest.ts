import type * as z from 'zod';
import { unknownFields } from './unknown-fields.ts';

export type ManifestResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly ManifestProblem[] };

export interface ManifestProblem {
  /** `spec.program.valueFrom`; '' for the whole object. */
  readonly field: string;
  readonly message: string;
}

/**
 * A manifest from a file, checked as `kubectl apply` would have it checked: by the schema, and with no field that the
 * schema does not have. Objects from the API server need only the schema, since an agent may be older than the CRD.
 */
export function readManifest<S extends z.ZodType>(schema: S, manifest: unknown): ManifestResult<z.output<S>> {
  const problems: ManifestProblem[] = unknownFields(schema, manifest).map((field) => ({
    field,
    message: 'unknown field',
  }));
  const parsed = schema.safeParse(manifest);
  if (!parsed.success) {
    for (const { path, message } of parsed.error.issues) problems.push({ field: fieldOf(path), message });
  }
  return parsed.success && problems.length === 0 ? { ok: true, value: parsed.data } : { ok: false, problems };
}

/** One line for people: `spec.programm: unknown field; spec.program: required`. */
export const problemsText = (problems: readonly ManifestProblem[]): string =>
  problems.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)).join('; ');

function fieldOf(path: readonly PropertyKey[]): string {
  let field = '';
  for (const segment of path) {
    if (typeof segment === 'number') field += `[${segment}]`;
    else field += `${field === '' ? '' : '.'}${String(segment)}`;
  }
  return field;
}
