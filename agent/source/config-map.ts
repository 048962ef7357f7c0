import * as z from 'zod';
import { objectMetaSchema } from '../../crds/object-meta.ts';

/** What the API server takes as a key (apimachinery validation.IsConfigMapKey). */
const key = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[-._a-zA-Z0-9]+$/, 'keys consist of letters, digits, -, _ and .');

/** Go reads a null where a string belongs as the empty string. */
const values = z.record(
  key,
  z
    .string()
    .nullable()
    .transform((value) => value ?? ''),
);

/** core/v1 ConfigMap from a file. What is in a key is for whoever reads that key to judge. */
export const configMapSchema = z.object({
  apiVersion: z.literal('v1'),
  kind: z.literal('ConfigMap'),
  metadata: objectMetaSchema,
  data: values.nullish().transform((map) => map ?? {}),
  /** Base64 text. */
  binaryData: values.nullish().transform((map) => map ?? {}),
  immutable: z.boolean().nullish(),
});

export type ConfigMap = z.output<typeof configMapSchema>;
