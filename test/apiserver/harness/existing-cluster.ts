import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findKubectl } from './binaries.ts';
import type { ControlPlane } from './cluster.ts';
import { kubectlFor } from './kubectl.ts';
import { mustRun } from './run.ts';
import { tokenFor } from './token.ts';

/** The cluster of the current context, behind the same interface. What only an owner can do throws. */
export async function existingCluster(folder: string, env: NodeJS.ProcessEnv): Promise<ControlPlane> {
  const binary = env['KUBEBUILDER_ASSETS'] ? join(env['KUBEBUILDER_ASSETS'], 'kubectl') : await findKubectl(env);
  const raw = await mustRun(binary, ['config', 'view', '--raw', '--minify', '--flatten', '-o', 'json'], { env });
  const adminKubeconfig = join(folder, 'admin.kubeconfig');
  const caFile = join(folder, 'ca.crt');
  const { url, ca } = clusterOf(JSON.parse(raw));
  await writeFile(adminKubeconfig, raw, { mode: 0o600 });
  await writeFile(caFile, ca);

  const kubectl = kubectlFor(binary, adminKubeconfig, join(folder, 'kubectl-cache'), env);
  const notOurs = async (): Promise<never> => {
    throw new Error('USE_EXISTING_CLUSTER=true: this needs a control plane of its own');
  };
  const stop = () => rm(folder, { recursive: true, force: true });
  return {
    url,
    caFile,
    adminKubeconfig,
    kubectl,
    apiserverPid: undefined,
    killApiserver: notOurs,
    restartApiserver: notOurs,
    kubeconfigFor: notOurs,
    tokenFor: (namespace, serviceAccount) => tokenFor(kubectl, namespace, serviceAccount),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface Kubeconfig {
  readonly clusters?: readonly {
    readonly cluster: { readonly server: string; readonly 'certificate-authority-data'?: string };
  }[];
}

function clusterOf(config: Kubeconfig): { url: string; ca: Buffer } {
  const cluster = config.clusters?.[0]?.cluster;
  const ca = cluster?.['certificate-authority-data'];
  if (cluster === undefined || ca === undefined) {
    throw new Error(
      'use existing cluster: the current context of KUBECONFIG names no cluster with a certificate authority',
    );
  }
  return { url: cluster.server, ca: Buffer.from(ca, 'base64') };
}
