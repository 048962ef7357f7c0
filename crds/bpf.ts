import * as z from 'zod';
import { atomicList, count, name, revisionDigits, sha256Digest, text } from './bounded.ts';
import { conditionsOf } from './condition.ts';
import { ageColumn, type Kind } from './kind.ts';
import { loadConfigFields } from './load-config.ts';
import { apiVersion, labelValueMaxLength } from './names.ts';
import { affinitySchema, nodeSelectorSchema } from './node-selection.ts';
import { objectMetaSchema } from './object-meta.ts';
import { phases } from './reasons.ts';
import { withRules } from './rule.ts';

const programSchema = z.object({
  valueFrom: z
    .object({
      configMapKeyRef: z
        .object({
          name: name('The name of the ConfigMap.'),
          key: z
            .string()
            .min(1)
            .max(253)
            .regex(/^[-._a-zA-Z0-9]+$/)
            .meta({ description: 'The key that holds the object: raw in binaryData, or as base64 text in data.' }),
        })
        .meta({ description: 'A key of a ConfigMap in the namespace of this BPF.' }),
    })
    .meta({ description: 'Where the object is read from.' }),
  sha256: sha256Digest(
    'The SHA-256 of the object, in lower-case hex, after gunzip. When set, other bytes are refused with Accepted=False and reason DigestMismatch.',
  ).optional(),
});

const specSchema = z.object({
  program: programSchema.meta({
    description:
      'The eBPF object to run: an ELF file as clang -target bpf writes it, at most 1 MiB stored; it may be gzipped, at most 16 MiB inflated.',
  }),
  suspend: z
    .boolean()
    .default(false)
    .meta({ description: 'True detaches the program from every node and keeps this object.' }),
  nodeSelector: nodeSelectorSchema.optional(),
  affinity: affinitySchema.optional(),
  ...loadConfigFields,
});

/** More programs than this are loaded, but not listed in the status. */
export const statusProgramsMax = 256;
export const statusNameMaxLength = 256;

const statusSchema = z.object({
  observedGeneration: z
    .int()
    .min(0)
    .meta({ description: 'The metadata.generation that this status was computed from.' })
    .optional(),
  phase: z
    .enum(Object.keys(phases) as (keyof typeof phases)[])
    .meta({ description: `One word for the whole: ${phaseText()}` })
    .optional(),
  revision: revisionDigits(
    'The first 8 hex digits of the hash of what nodes should run. Changes with the object and with what the spec says about it.',
  ).optional(),
  payload: z
    .object({
      sha256: sha256Digest('SHA-256 of the object after gunzip.'),
      sizeBytes: count('Size of the object after gunzip.'),
    })
    .meta({
      description:
        'The object that is pinned. An edit of the ConfigMap shows here; it does not move metadata.generation.',
    })
    .optional(),
  programs: atomicList(
    z.object({
      name: text(statusNameMaxLength, "The C function's name."),
      type: text(64, 'The type of program that its section says.'),
      section: text(statusNameMaxLength, 'The ELF section it is in, which says where it attaches.'),
    }),
    statusProgramsMax,
    `The programs in the object, as read from it (the first ${statusProgramsMax}).`,
  ).optional(),
  nodes: z
    .object({
      desired: count('Nodes that should run it.'),
      updated: count('Of these, nodes that have reported on the wanted revision.'),
      ready: count('Of these, nodes that run the wanted revision.'),
      failed: count('Of these, nodes on which it failed.'),
      unknown: count('Of these, nodes that are not ready, or whose agent is not, for a minute.'),
      summary: text(32, 'ready/desired.'),
    })
    .meta({ description: 'How many nodes are how far.' })
    .optional(),
  failures: atomicList(
    z.object({
      reason: text(64, 'Why it failed, in one word; the reasons of status.programs of a BPFNode.'),
      count: count('On how many nodes.'),
      nodes: atomicList(text(253, 'A node name.'), 5, 'Some of these nodes.'),
      message: text(1024, 'What one of these nodes said.'),
    }),
    10,
    'Failures on nodes, grouped, the largest group first. The whole list is in the bpfnodes.',
  ).optional(),
  conditions: conditionsOf(
    'Accepted: the manifest and the object make sense. Progressing: nodes are moving to the wanted revision. Ready: every selected node that can run it runs the wanted revision. Degraded: something needs a person.',
  ).optional(),
});

function phaseText(): string {
  return Object.entries(phases)
    .map(([phase, meaning]) => `${phase} (${meaning.replace(/\.$/, '')})`)
    .join('; ');
}

export const bpfSchema = withRules(
  z.object({
    apiVersion: z.literal(apiVersion),
    kind: z.literal('BPF'),
    metadata: objectMetaSchema,
    spec: specSchema.meta({ description: 'What to run, and where. Written by you.' }),
    status: statusSchema.meta({ description: 'What became of it. Written by the operator; do not edit.' }).optional(),
  }),
  {
    rule: `self.metadata.name.size() <= ${labelValueMaxLength}`,
    message: `metadata.name must be at most ${labelValueMaxLength} characters: it becomes a label value`,
    holds: ({ metadata }) => metadata.name.length <= labelValueMaxLength,
  },
);

/** A BPF as the API server holds it, defaults filled in. */
export type Bpf = z.infer<typeof bpfSchema>;
export type BpfSpec = Bpf['spec'];
export type BpfStatus = NonNullable<Bpf['status']>;

export const bpfKind: Kind = {
  kind: 'BPF',
  plural: 'bpfs',
  singular: 'bpf',
  scope: 'Namespaced',
  description:
    'An eBPF object to run on every selected node; its maps become Prometheus metrics, without further configuration.',
  schema: bpfSchema,
  hasStatus: true,
  columns: [
    { name: 'Ready', type: 'string', jsonPath: '.status.nodes.summary', description: 'Nodes that run it / should.' },
    { name: 'Status', type: 'string', jsonPath: '.status.phase', description: 'One word for the whole.' },
    { name: 'Failed', type: 'integer', jsonPath: '.status.nodes.failed', description: 'Nodes on which it failed.' },
    {
      name: 'Revision',
      type: 'string',
      jsonPath: '.status.revision',
      description: 'What nodes should run.',
      wide: true,
    },
    {
      name: 'Program',
      type: 'string',
      jsonPath: '.spec.program.valueFrom.configMapKeyRef.name',
      description: 'The ConfigMap the object is read from.',
      wide: true,
    },
    {
      name: 'Message',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].message',
      description: 'What the Ready condition says.',
      wide: true,
    },
    ageColumn,
  ],
  selectableFields: ['.status.phase'],
};
