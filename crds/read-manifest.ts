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
 * schema does not have. A field that is null (`nodeSelector:` with nothing behind it, or the `creationTimestamp: null` of
 * kubectl's printers) counts as absent, since kubectl drops it before it sends. Objects from the API server need only the schema, since an agent may be older than the CRD.
 */
export function readManifest<S extends z.ZodType>(schema: S, document: unknown): ManifestResult<z.output<S>> {
  const manifest = withoutNulls(document);
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

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null)
      .map(([key, item]) => [key, withoutNulls(item)]),
  );
}

function fieldOf(path: readonly PropertyKey[]): string {
  let field = '';
  for (const segment of path) {
    if (typeof segment === 'number') field += `[${segment}]`;
    else field += `${field === '' ? '' : '.'}${String(segment)}`;
  }
  return field;
}
