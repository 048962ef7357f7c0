import type { Registry } from 'prom-client';
import type { Clock } from '../../runtime/clock.ts';
import type { KubeConnection } from '../../runtime/kube/connection.ts';
import { ConnectionError } from '../../runtime/kube/connection.ts';
import { inClusterConnection, serviceAccountDir } from '../../runtime/kube/in-cluster.ts';
import { kubeconfigConnection } from '../../runtime/kube/kubeconfig.ts';
import { Transport } from '../../runtime/kube/transport.ts';
import type { Logger } from '../../runtime/logger.ts';
import { DirectorySource } from './directory.ts';
import { KubernetesSource } from './kubernetes.ts';
import type { AgentFacts, KernelFacts } from './node-status.ts';
import type { Source } from './source.ts';

export interface OpenSourceOptions {
  /** Of the process's configuration, what decides where wishes come from. */
  readonly config: {
    readonly manifests?: string | undefined;
    readonly watch: boolean;
    readonly kubeconfig?: string | undefined;
    readonly nodeName: string;
  };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  /** The instance's own folder: what outlives a restart is kept here. */
  readonly folder: string;
  readonly agent: AgentFacts;
  readonly kernel: KernelFacts;
  readonly onConnected: (connected: boolean) => void;
}

/** Two watches, and one connection for everything else. */
const maxConnections = 3;

/** Where this agent's wishes come from. Throws ConnectionError when there is nothing to connect with. */
export async function openSource(options: OpenSourceOptions): Promise<Source> {
  const { config, clock, logger, registry, agent } = options;
  const { manifests: dir, watch, nodeName } = config;
  if (dir !== undefined) return new DirectorySource({ dir, watch, clock, logger, nodeName });
  const connection = await connect(options);
  const userAgent = `kube-bpf-agent/${agent.version} (${process.platform}/${process.arch})`;
  const transport = new Transport({ connection, clock, logger, registry, userAgent, maxConnections });
  const { folder, kernel, onConnected } = options;
  return new KubernetesSource({ transport, clock, logger, registry, nodeName, folder, agent, kernel, onConnected });
}

async function connect({ config, env, clock }: OpenSourceOptions): Promise<KubeConnection> {
  if (config.kubeconfig !== undefined) return kubeconfigConnection({ file: config.kubeconfig, clock });
  const host = env['KUBERNETES_SERVICE_HOST'];
  const port = env['KUBERNETES_SERVICE_PORT'];
  if (host !== undefined && port !== undefined) return inClusterConnection({ host, port, clock });
  const message =
    'connect to the API server: this is not a Pod [--kubeconfig FILE, or --manifests DIR to run without Kubernetes]';
  throw new ConnectionError('CredentialsUnavailable', message, { source: serviceAccountDir });
}
