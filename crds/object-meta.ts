import * as z from 'zod';
import { dns1123Subdomain } from './bounded.ts';

/**
 * metav1.ObjectMeta, as far as we read it. The API server checks it by its own rules; this is for objects that come from
 * a file. Never part of a CRD's schema, which says only that metadata is an object.
 */
export const objectMetaSchema = z.object({
  name: z.string().min(1).max(253).regex(dns1123Subdomain),
  generateName: z.string().optional(),
  namespace: z.string().optional(),
  uid: z.string().optional(),
  resourceVersion: z.string().optional(),
  generation: z.int().optional(),
  // kubectl's own printers write `creationTimestamp: null` into manifests that people keep.
  creationTimestamp: z.string().nullish(),
  deletionTimestamp: z.string().nullish(),
  deletionGracePeriodSeconds: z.int().nullish(),
  labels: z.record(z.string(), z.string()).nullish(),
  annotations: z.record(z.string(), z.string()).nullish(),
  finalizers: z.array(z.string()).nullish(),
  ownerReferences: z
    .array(
      z.object({
        apiVersion: z.string(),
        kind: z.string(),
        name: z.string(),
        uid: z.string(),
        controller: z.boolean().optional(),
        blockOwnerDeletion: z.boolean().optional(),
      }),
    )
    .nullish(),
  managedFields: z.unknown().optional(),
  selfLink: z.string().optional(),
});

export type ObjectMeta = z.infer<typeof objectMetaSchema>;
