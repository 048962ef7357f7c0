import * as z from 'zod';
import { atomicList, count, revisionDigits, text } from './bounded.ts';
import { conditionsOf } from './condition.ts';
import { ageColumn, type Kind } from './kind.ts';
import { apiVersion } from './names.ts';
import { objectMetaSchema } from './object-meta.ts';

/** One object per node must stay small enough to be written at each change (design: architecture.md, 5,000 nodes × 100). */
export const nodeProgramsMax = 1024;
export const nodeMessageMaxLength = 256;

const programStateSchema = z.object({
  ref: text(127, 'namespace/name of the BPF.'),
  revision: revisionDigits('The revision that this is about.'),
  state: z
    .enum(['Ready', 'Pending', 'Failed'])
    .meta({ description: 'Ready (loaded and attached; also when absent), Pending or Failed.' })
    .optional(),
  reason: z
    .string()
    .min(1)
    .max(64)
    .regex(/^[A-Za-z][A-Za-z0-9]*$/)
    .meta({ description: 'Why it is not Ready, in one word. Beside Ready it is a warning.' })
    .optional(),
  message: text(
    nodeMessageMaxLength,
    "The same for people: what the kernel's verifier, libbpf or the agent said.",
  ).optional(),
});

const statusSchema = z.object({
  nodeUID: text(128, 'UID of the Node this was reported from: a new Node of the same name has another.').optional(),
  agent: z
    .object({ version: text(64, "The agent's version."), libbpf: text(64, 'The version of libbpf that it loaded.') })
    .meta({ description: 'The agent that reports.' })
    .optional(),
  kernel: z
    .object({
      release: text(128, 'As uname -r says.'),
      arch: text(32, 'As uname -m says.'),
      btf: z
        .boolean()
        .meta({ description: 'The kernel describes its types (/sys/kernel/btf/vmlinux), so CO-RE works.' }),
      lockdown: text(32, 'The lockdown mode: none, integrity or confidentiality; unknown where it cannot be read.'),
      features: atomicList(text(64, 'A feature.'), 64, 'What was probed and found, such as ringbuf or batch.'),
    })
    .meta({ description: 'The kernel, as the agent may use it.' })
    .optional(),
  desired: count('Programs that this node should run.').optional(),
  ready: count('Of these, programs that it runs.').optional(),
  summary: text(32, 'ready/desired.').optional(),
  programs: atomicList(
    programStateSchema,
    nodeProgramsMax,
    'One entry for each BPF this node is concerned with, sorted by ref.',
  ).optional(),
  conditions: conditionsOf(
    'AgentReady: the agent has read what it should run and has tried to run it. KernelSupported: the kernel can load and attach programs.',
  ).optional(),
});

export const bpfNodeSchema = z.object({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('BPFNode'),
  metadata: objectMetaSchema,
  status: statusSchema
    .meta({ description: "What the node runs. Written by that node's agent; do not edit." })
    .optional(),
});

/** What one node runs, as its agent sees it. */
export type BpfNode = z.infer<typeof bpfNodeSchema>;
export type BpfNodeStatus = NonNullable<BpfNode['status']>;
export type BpfNodeProgram = NonNullable<BpfNodeStatus['programs']>[number];

export const bpfNodeKind: Kind = {
  kind: 'BPFNode',
  plural: 'bpfnodes',
  singular: 'bpfnode',
  scope: 'Cluster',
  description:
    'What one node runs, and why not what it does not run. Named as the node. Made by the operator; do not edit.',
  schema: bpfNodeSchema,
  hasStatus: true,
  columns: [
    { name: 'Ready', type: 'string', jsonPath: '.status.summary', description: 'Programs it runs / should.' },
    { name: 'Kernel', type: 'string', jsonPath: '.status.kernel.release', description: 'Kernel release.' },
    { name: 'Agent', type: 'string', jsonPath: '.status.agent.version', description: 'Agent version.' },
    ageColumn,
  ],
  selectableFields: [],
};
