import * as z from 'zod';
import { operatorPort } from '../crds/names.ts';
import { commonFlags } from '../runtime/common-flags.ts';
import type { ConfigSpec } from '../runtime/config.ts';

const { kubeconfig, listen, logLevel } = commonFlags(operatorPort);

const schema = z
  .object({
    kubeconfig,
    namespace: z
      .string()
      .min(1)
      .max(63)
      .optional()
      .describe("Where pinned objects, the Lease and the agents are; default: the Pod's own")
      .meta({ value: 'NAMESPACE', env: 'POD_NAMESPACE' }),
    listen,
    watchNamespaces: z
      .array(z.string().min(1).max(63))
      .default([])
      .describe('Look for BPFs and their ConfigMaps in these namespaces only; default: in all')
      .meta({ value: 'NAMESPACES' }),
    agents: z
      .enum(['daemonset', 'external'])
      .default('daemonset')
      .describe('Whether the operator runs the agents, as a DaemonSet, or somebody else does'),
    agentTemplate: z
      .string()
      .min(1)
      .max(253)
      .default('kube-bpf-agent')
      .describe('The ConfigMap that holds the DaemonSet to run agents with, under the key daemonset.yaml')
      .meta({ value: 'NAME' }),
    leaderElect: z.boolean().default(true).describe('Work only while holding the Lease kube-bpf-operator'),
    podName: z
      .string()
      .min(1)
      .max(253)
      .optional()
      .describe('The Pod this runs in, whose Deployment owns the DaemonSet; default: the host name, if in a Pod')
      .meta({ value: 'NAME', env: 'POD_NAME' }),
    uninstall: z
      .boolean()
      .default(false)
      .describe('Detach every program, remove all that the operator has made but the BPFs, and exit'),
    logLevel,
  })
  .refine(({ uninstall, leaderElect }) => !uninstall || leaderElect, {
    path: ['uninstall'],
    message: 'takes the Lease away from the running operator, so it does not go with --leader-elect=false',
  });

export type OperatorConfig = z.output<typeof schema>;

export const operatorConfig: ConfigSpec<typeof schema> = {
  program: 'bpf-operator',
  summary: 'Turns BPF objects into what the agents on nodes run, and sums up what they report.',
  envPrefix: 'BPF_OPERATOR',
  schema,
};
