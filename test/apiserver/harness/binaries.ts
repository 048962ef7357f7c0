import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export interface Binaries {
  readonly etcd: string;
  readonly kubeApiserver: string;
  readonly kubectl: string;
}

/**
 * The programs of a control plane. KUBEBUILDER_ASSETS names a folder that holds all three, as setup-envtest makes it;
 * otherwise etcd is Debian's, and kube-apiserver, and kubectl where there is none, come from this machine's cache, built
 * or fetched into it when missing (minutes, with a progress line on stderr).
 */
export async function findBinaries(env: NodeJS.ProcessEnv): Promise<Binaries> {
  const assets = env['KUBEBUILDER_ASSETS'];
  if (assets) {
    return {
      etcd: join(assets, 'etcd'),
      kubeApiserver: join(assets, 'kube-apiserver'),
      kubectl: join(assets, 'kubectl'),
    };
  }
  const etcd = onPath('etcd', env);
  if (etcd === undefined) throw new Error('find etcd: not in PATH (apt-get install etcd-server)');
  return { etcd, kubeApiserver: await buildApiserver(), kubectl: await findKubectl(env) };
}

export const findKubectl = async (env: NodeJS.ProcessEnv): Promise<string> =>
  onPath('kubectl', env) ?? (await fetchKubectl());

const buildApiserver = async (): Promise<string> => (await script('../kube/build.sh')).trim();

async function fetchKubectl(): Promise<string> {
  const path = /^kubectl=(.+)$/m.exec(await script('../../chart/get-helm.sh'))?.[1];
  if (path === undefined) throw new Error('fetch kubectl: get-helm.sh did not say where it is');
  return path;
}

/** Runs a script of ours, its stderr (progress, errors) shown as it comes. */
async function script(relative: string): Promise<string> {
  const path = fileURLToPath(new URL(relative, import.meta.url));
  const child = spawn(path, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  if (code !== 0) throw new Error(`run ${path}: exit code ${code}`);
  return stdout;
}

function onPath(name: string, env: NodeJS.ProcessEnv): string | undefined {
  return (env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
