import * as z from 'zod';
import type { Kind } from './kind.ts';
import { category, group, version } from './names.ts';
import { type Structural, toStructural } from './to-structural.ts';

/** apiextensions.k8s.io/v1, as far as it is used here. */
export interface CustomResourceDefinition {
  readonly apiVersion: 'apiextensions.k8s.io/v1';
  readonly kind: 'CustomResourceDefinition';
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly names: {
      readonly kind: string;
      readonly listKind: string;
      readonly plural: string;
      readonly singular: string;
      readonly categories: readonly string[];
    };
    readonly scope: 'Namespaced' | 'Cluster';
    readonly versions: readonly CustomResourceVersion[];
  };
}

interface CustomResourceVersion {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly additionalPrinterColumns: readonly {
    readonly name: string;
    readonly type: string;
    readonly jsonPath: string;
    readonly description: string;
    readonly priority?: number;
  }[];
  readonly selectableFields?: readonly { readonly jsonPath: string }[];
  readonly schema: { readonly openAPIV3Schema: Structural };
  readonly subresources?: { readonly status: Record<string, never> };
}

/** The CustomResourceDefinition of a kind. Throws StructuralSchemaError. */
export function toCrd(kind: Kind): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.${group}` },
    spec: {
      group,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.singular,
        categories: [category],
      },
      scope: kind.scope,
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          additionalPrinterColumns: kind.columns.map(({ wide, ...column }) =>
            wide ? { ...column, priority: 1 } : column,
          ),
          ...(kind.selectableFields.length > 0 && {
            selectableFields: kind.selectableFields.map((jsonPath) => ({ jsonPath })),
          }),
          schema: { openAPIV3Schema: rootSchema(kind) },
          ...(kind.hasStatus && { subresources: { status: {} } }),
        },
      ],
    },
  };
}

/** The root of a CRD may say nothing about apiVersion, kind and metadata but their types: they are the API server's. */
function rootSchema(kind: Kind): Structural {
  const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, ...ours } = kind.schema.shape;
  const { properties, required } = toStructural(z.object(ours));
  const rules = kind.schema.meta()?.['x-kubernetes-validations'];
  return {
    type: 'object',
    description: kind.description,
    properties: {
      apiVersion: { type: 'string', description: 'The version of the API that this object is written in.' },
      kind: { type: 'string', description: `${kind.kind}.` },
      metadata: { type: 'object' },
      ...properties,
    },
    ...(required !== undefined && { required }),
    ...(rules !== undefined && { 'x-kubernetes-validations': rules }),
  };
}
