import * as z from 'zod';
import { count, name, namespaceName, sha256Digest, text, time } from './bounded.ts';
import { ageColumn, type Kind } from './kind.ts';
import { templateSchema } from './load-config.ts';
import { apiVersion, labelValueMaxLength } from './names.ts';
import { affinitySchema, nodeSelectorSchema } from './node-selection.ts';
import { objectMetaSchema } from './object-meta.ts';
import { withTransitionRules } from './rule.ts';

/** No report is delayed by more (design: api.md `jitterMs`). */
export const jitterMaxMs = 5000;

const payloadSchema = z.object({
  sha256: sha256Digest('SHA-256 of the object after gunzip.'),
  sizeBytes: count('Size of the object after gunzip.'),
  configMap: z
    .object({
      namespace: namespaceName("The operator's namespace."),
      name: name('The name of the ConfigMap.'),
    })
    .meta({ description: 'The immutable ConfigMap that holds the pinned bytes, gzipped if they were.' }),
});

const fieldsSchema = z.object({
  bpf: withTransitionRules(
    z.object({
      name: z.string().min(1).max(labelValueMaxLength).meta({ description: 'Its name, in the same namespace.' }),
      uid: text(128, 'Its UID: a BPF that was deleted and made again is another one.'),
      createdAt: time('When it was created. The older of two BPFs keeps a metric name that both claim.'),
    }),
    { rule: 'self.uid == oldSelf.uid', message: 'uid is immutable' },
  ).meta({ description: 'The BPF this is a revision of.' }),
  generation: z.int().min(0).meta({ description: 'The newest metadata.generation of the BPF that wants this.' }),
  sequence: z
    .int()
    .min(0)
    .meta({ description: 'A node runs the active revision of a BPF with the highest sequence that admits it.' }),
  active: z.boolean().meta({ description: 'False: no node runs this any more; it is kept as history.' }),
  payload: withTransitionRules(payloadSchema, {
    rule: 'self == oldSelf',
    message: 'payload is immutable',
  }).meta({ description: 'The object that nodes run.' }),
  selector: z
    .object({ nodeSelector: nodeSelectorSchema.optional(), affinity: affinitySchema.optional() })
    .meta({ description: 'Which nodes run it.' }),
  template: templateSchema
    .meta({ description: 'How nodes load the object. Absent: as the object says itself.' })
    .optional(),
  jitterMs: z
    .int()
    .min(0)
    .max(jitterMaxMs)
    .meta({ description: 'Agents delay their report by a random time up to this many milliseconds.' }),
});

const specSchema = withTransitionRules(fieldsSchema, {
  // On the spec, since a rule on an optional field says nothing of its coming and going.
  rule: 'has(self.template) == has(oldSelf.template) && (!has(self.template) || self.template == oldSelf.template)',
  message: 'template is immutable',
});

export const bpfRevisionSchema = z.object({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('BPFRevision'),
  metadata: objectMetaSchema,
  spec: specSchema.meta({ description: 'What nodes should run. Written by the operator; do not edit.' }),
});

/** What nodes should run, by content: the same wish is always the same revision. */
export type BpfRevision = z.infer<typeof bpfRevisionSchema>;
export type BpfRevisionSpec = BpfRevision['spec'];

export const bpfRevisionKind: Kind = {
  kind: 'BPFRevision',
  plural: 'bpfrevisions',
  singular: 'bpfrevision',
  scope: 'Namespaced',
  description: 'One content of a BPF, pinned by digest, that node agents watch. Made by the operator; do not edit.',
  schema: bpfRevisionSchema,
  hasStatus: false,
  columns: [
    { name: 'BPF', type: 'string', jsonPath: '.spec.bpf.name', description: 'Whose revision it is.' },
    { name: 'Active', type: 'boolean', jsonPath: '.spec.active', description: 'Whether nodes should run it.' },
    { name: 'Sequence', type: 'integer', jsonPath: '.spec.sequence', description: 'The highest active one counts.' },
    {
      name: 'Payload',
      type: 'string',
      jsonPath: '.spec.payload.configMap.name',
      description: 'The ConfigMap that holds the pinned bytes.',
      wide: true,
    },
    {
      name: 'SHA256',
      type: 'string',
      jsonPath: '.spec.payload.sha256',
      description: 'Digest of the object.',
      wide: true,
    },
    ageColumn,
  ],
  selectableFields: [],
};
