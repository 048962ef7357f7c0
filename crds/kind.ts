import type * as z from 'zod';
import { group, version } from './names.ts';

/** A kind of this API: its schema, and what the API server is told besides. `toCrd` makes the CRD of it. */
export interface Kind {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly scope: 'Namespaced' | 'Cluster';
  /** What `kubectl explain` says of the kind. */
  readonly description: string;
  /** The whole object: apiVersion, kind, metadata, and spec or status. */
  readonly schema: z.ZodObject;
  /** The status is written through its own subresource. */
  readonly hasStatus: boolean;
  readonly columns: readonly Column[];
  /** JSON paths that `--field-selector` takes besides metadata (Kubernetes ≥ 1.31; older servers drop them). */
  readonly selectableFields: readonly string[];
}

/** A column of `kubectl get`. */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean' | 'date';
  readonly jsonPath: string;
  readonly description: string;
  /** Only with `-o wide`. */
  readonly wide?: true;
}

/** Where the API server has the objects of a kind. */
export const placeOf = ({ plural, kind, scope }: Kind) => ({
  group,
  version,
  plural,
  kind,
  namespaced: scope === 'Namespaced',
});

export const ageColumn: Column = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Since it was created.',
};
