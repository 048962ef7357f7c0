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
  creationTimestamp: z.string().optional(),
  deletionTimestamp: z.string().optional(),
  deletionGracePeriodSeconds: z.int().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  finalizers: z.array(z.string()).optional(),
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
    .optional(),
  managedFields: z.unknown().optional(),
  selfLink: z.string().optional(),
});

export type ObjectMeta = z.infer<typeof objectMetaSchema>;
