import { hostname } from 'node:os';
import * as z from 'zod';
import { agentPort } from '../crds/names.ts';
import { commonFlags } from '../runtime/common-flags.ts';
import type { ConfigSpec } from '../runtime/config.ts';

const { kubeconfig, listen, logLevel } = commonFlags(agentPort);

const schema = z
  .object({
    manifests: z
      .string()
      .min(1)
      .optional()
      .describe('Run without Kubernetes: BPF and ConfigMap YAML in this folder')
      .meta({ value: 'DIR' }),
    watch: z.boolean().default(false).describe('With --manifests: follow changes of the files'),
    kubeconfig,
    listen,
    nodeName: z
      .string()
      .min(1)
      .max(253)
      .default(hostname())
      .describe('The node label of every series, and the Node that this agent is on')
      .meta({ value: 'NAME', env: 'NODE_NAME' }),
    stateDir: z
      .string()
      .min(1)
      .default('/var/lib/kube-bpf')
      .describe('Journal, lock and payload cache')
      .meta({ value: 'DIR' }),
    bpffs: z
      .string()
      .min(1)
      .default('/sys/fs/bpf/kube-bpf')
      .describe('Where result maps are pinned, so that counters survive the agent')
      .meta({ value: 'DIR' }),
    instance: z
      .string()
      .min(1)
      .optional()
      .describe('Tells agents on one host apart; default: the node name in Kubernetes, else the listen address')
      .meta({ value: 'NAME' }),
    programStats: z
      .boolean()
      .default(false)
      .describe('Have the kernel count how often programs run and for how long; needs CAP_SYS_ADMIN'),
    cleanup: z.boolean().default(false).describe('Remove all that this instance left on the machine, and exit'),
    libbpf: z.string().min(1).default('libbpf.so.1').describe('The library to load').meta({ value: 'PATH' }),
    logLevel,
  })
  .refine(({ manifests, kubeconfig }) => manifests === undefined || kubeconfig === undefined, {
    path: ['kubeconfig'],
    message: 'does not go with --manifests: wishes come from one place',
  })
  .refine(({ manifests, watch }) => !watch || manifests !== undefined, {
    path: ['watch'],
    message: 'goes with --manifests only: the API server is always watched',
  });

export type AgentConfig = z.output<typeof schema>;

export const agentConfig: ConfigSpec<typeof schema> = {
  program: 'bpf-agent',
  summary: 'Runs BPF programs on this node and serves their maps as Prometheus metrics.',
  envPrefix: 'BPF_AGENT',
  schema,
};
