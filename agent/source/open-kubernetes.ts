import type { KubeConnection } from '../../runtime/kube/connection.ts';
import { ConnectionError } from '../../runtime/kube/connection.ts';
import { inClusterConnection, serviceAccountDir } from '../../runtime/kube/in-cluster.ts';
import { kubeconfigConnection } from '../../runtime/kube/kubeconfig.ts';
import { Transport } from '../../runtime/kube/transport.ts';
import { KubernetesSource } from './kubernetes.ts';
import type { OpenSourceOptions } from './open-source.ts';

/** Two watches, and one connection for everything else. */
const maxConnections = 3;

/** Wishes from an API server. Throws ConnectionError when there is nothing to connect with. */
export async function openKubernetes(options: OpenSourceOptions): Promise<KubernetesSource> {
  const { clock, logger, registry, agent, folder, kernel, onConnected } = options;
  const { nodeName } = options.config;
  const connection = await connect(options);
  const userAgent = `kube-bpf-agent/${agent.version} (${process.platform}/${process.arch})`;
  const transport = new Transport({ connection, clock, logger, registry, userAgent, maxConnections });
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
