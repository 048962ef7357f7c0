import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { get, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Binaries, findBinaries } from './binaries.ts';
import { type Certificates, makeCertificates } from './certificates.ts';
import type { ControlPlane } from './cluster.ts';
import { eventually } from './eventually.ts';
import { existingCluster } from './existing-cluster.ts';
import { freePorts } from './free-port.ts';
import { kubectlFor } from './kubectl.ts';
import { type OwnedProcess, startProcess } from './owned-process.ts';
import { tokenFor } from './token.ts';

export type { ControlPlane };

export interface ControlPlaneOptions {
  /** More flags for kube-apiserver; they win over the harness's. */
  readonly apiserverArgs?: readonly string[];
  /** Defaults to the process's: KUBEBUILDER_ASSETS, USE_EXISTING_CLUSTER, KUBECONFIG, PATH, HOME, XDG_CACHE_HOME. */
  readonly env?: NodeJS.ProcessEnv;
}

const readyWithinMs = 60_000;

/** Starts a control plane, or with USE_EXISTING_CLUSTER=true takes the one that KUBECONFIG names. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const env = options.env ?? process.env;
  const folder = await mkdtemp(join(tmpdir(), 'kube-bpf-control-plane-'));
  try {
    if (env['USE_EXISTING_CLUSTER'] === 'true') return await existingCluster(folder, env);
    return await ownControlPlane(folder, options, env);
  } catch (thrown) {
    await rm(folder, { recursive: true, force: true });
    throw thrown;
  }
}

async function ownControlPlane(
  folder: string,
  options: ControlPlaneOptions,
  env: NodeJS.ProcessEnv,
): Promise<ControlPlane> {
  const [binaries, certificates, [etcdPort = 0, peerPort = 0, apiPort = 0]] = await Promise.all([
    findBinaries(env),
    makeCertificates(folder),
    freePorts(3),
  ]);
  const url = `https://127.0.0.1:${apiPort}`;
  const { caFile } = certificates;
  const adminKubeconfig = join(folder, 'admin.kubeconfig');
  await writeKubeconfig(adminKubeconfig, url, caFile, certificates.adminCertFile, certificates.adminKeyFile);
  const kubectl = kubectlFor(binaries.kubectl, adminKubeconfig, join(folder, 'kubectl-cache'), env);

  const startApiserver = async (): Promise<OwnedProcess> => {
    const args = apiserverArgs(etcdPort, apiPort, certificates, options.apiserverArgs ?? []);
    const server = startProcess('kube-apiserver', binaries.kubeApiserver, args, join(folder, 'kube-apiserver.log'));
    try {
      await untilReady(server, url, certificates);
    } catch (thrown) {
      await server.kill();
      throw thrown;
    }
    return server;
  };

  const etcd = startEtcd(binaries, folder, etcdPort, peerPort);
  let apiserver: OwnedProcess;
  try {
    apiserver = await startApiserver(); // which itself waits for etcd
  } catch (thrown) {
    await etcd.kill();
    throw thrown;
  }

  const stop = async () => {
    await apiserver.kill(); // its graceful end waits for watches, and nothing of this state outlives the test
    await etcd.kill();
    await rm(folder, { recursive: true, force: true });
  };
  return {
    url,
    caFile,
    adminKubeconfig,
    kubectl,
    get apiserverPid() {
      return apiserver.pid;
    },
    killApiserver: () => apiserver.kill(),
    restartApiserver: async () => {
      await apiserver.stop();
      apiserver = await startApiserver();
    },
    tokenFor: (namespace, serviceAccount) => tokenFor(kubectl, namespace, serviceAccount),
    kubeconfigFor: async (user, groups) => {
      const { certFile, keyFile } = await certificates.issueClient(user, groups);
      const path = `${certFile}.kubeconfig`;
      await writeKubeconfig(path, url, caFile, certFile, keyFile);
      return path;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function startEtcd({ etcd }: Binaries, folder: string, port: number, peerPort: number): OwnedProcess {
  const client = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const args = [
    ...['--name=test', `--data-dir=${join(folder, 'etcd')}`, '--log-outputs=stderr', '--logger=zap'],
    ...[`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`],
    ...[`--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`, `--initial-cluster=test=${peer}`],
  ];
  return startProcess('etcd', etcd, args, join(folder, 'etcd.log'));
}

function apiserverArgs(etcdPort: number, port: number, certificates: Certificates, more: readonly string[]): string[] {
  return [
    ...[`--etcd-servers=http://127.0.0.1:${etcdPort}`, '--bind-address=127.0.0.1', `--secure-port=${port}`],
    ...['--advertise-address=127.0.0.1', '--service-cluster-ip-range=10.96.0.0/24', '--allow-privileged=true'],
    ...['--authorization-mode=Node,RBAC', '--enable-admission-plugins=NodeRestriction'],
    // A Pod in a test names no service account, and no controller makes the default one.
    '--disable-admission-plugins=ServiceAccount',
    ...[`--client-ca-file=${certificates.caFile}`, `--tls-cert-file=${certificates.serverCertFile}`],
    `--tls-private-key-file=${certificates.serverKeyFile}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${certificates.serviceAccountKeyFile}`,
    `--service-account-signing-key-file=${certificates.serviceAccountKeyFile}`,
    '--endpoint-reconciler-type=none', // nothing routes to the kubernetes Service here
    ...more,
  ];
}

async function untilReady(server: OwnedProcess, url: string, certificates: Certificates): Promise<void> {
  const [ca, cert, key] = await Promise.all(
    [certificates.caFile, certificates.adminCertFile, certificates.adminKeyFile].map((file) => readFile(file)),
  );
  const isReady = async () => (await getStatus(`${url}/readyz`, { ca, cert, key })) === 200;
  const outcome = await eventually(
    'kube-apiserver to be ready',
    async () => server.exited ?? ((await isReady()) ? 'ready' : undefined),
    { deadlineMs: readyWithinMs, everyMs: 100 },
  ).catch((thrown: unknown) => {
    throw new Error(`start ${server.name}: not ready; its log ends with\n${server.logTail()}`, { cause: thrown });
  });
  if (outcome !== 'ready') throw new Error(`start ${server.name}: ${outcome}; its log ends with\n${server.logTail()}`);
}

function getStatus(url: string, tls: RequestOptions): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = get(url, { ...tls, agent: false, timeout: 5000 }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on('timeout', () => sent.destroy(new Error(`GET ${url}: no answer in 5 s`)));
    sent.on('error', reject);
  });
}

/** JSON is YAML. */
async function writeKubeconfig(
  path: string,
  url: string,
  caFile: string,
  certFile: string,
  keyFile: string,
): Promise<void> {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority': caFile } }],
    users: [{ name: 'user', user: { 'client-certificate': certFile, 'client-key': keyFile } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'user' } }],
    'current-context': 'test',
  };
  await writeFile(path, JSON.stringify(config, undefined, 2));
}
