import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ControlPlane, startControlPlane } from '../apiserver/harness/control-plane.ts';
import { eventually } from '../apiserver/harness/eventually.ts';
import { type OwnedProcess, startProcess } from '../apiserver/harness/owned-process.ts';
import { findHelms } from '../chart/helm.ts';
import { AgentHome, type RunningAgent } from '../kernel/agent-process.ts';

const operatorMain = fileURLToPath(new URL('../../operator/main.ts', import.meta.url));

/**
 * The product without a kubelet: a real API server with the chart's CRDs and rights, one Node, and the operator and an
 * agent as processes, each with the service account that it would have as a Pod.
 */
export class Cluster implements AsyncDisposable {
  readonly controlPlane: ControlPlane;
  readonly home: AgentHome;
  operator: OwnedProcess;
  agent: RunningAgent | undefined;
  readonly #operatorKubeconfig: string;

  private constructor(controlPlane: ControlPlane, home: AgentHome, operatorKubeconfig: string, operator: OwnedProcess) {
    this.controlPlane = controlPlane;
    this.home = home;
    this.#operatorKubeconfig = operatorKubeconfig;
    this.operator = operator;
  }

  static async start(): Promise<Cluster> {
    const controlPlane = await startControlPlane();
    try {
      await installChart(controlPlane);
      await addNode(controlPlane, 'n1');
      const operatorKubeconfig = await kubeconfigOf(controlPlane, 'kube-bpf-operator');
      const home = new AgentHome(await kubeconfigOf(controlPlane, 'kube-bpf-agent'));
      const cluster = new Cluster(controlPlane, home, operatorKubeconfig, startOperator(home, operatorKubeconfig));
      return cluster;
    } catch (thrown) {
      await controlPlane.stop();
      throw thrown;
    }
  }

  async startAgent(): Promise<RunningAgent> {
    this.agent = await this.home.start();
    return this.agent;
  }

  startOperator(): void {
    this.operator = startOperator(this.home, this.#operatorKubeconfig);
  }

  /** What kubectl prints. */
  async kubectl(args: readonly string[], input?: string): Promise<string> {
    const { stdout } = await this.controlPlane.kubectl(args, { ...(input !== undefined && { input }) });
    return stdout;
  }

  /** One field of an object, by a JSONPath without braces. */
  field(object: string, path: string): Promise<string> {
    return this.kubectl(['get', object, `--output=jsonpath={${path}}`]);
  }

  /** Waits until `kubectl describe` has all of these in it. */
  async described(object: string, ...words: string[]): Promise<string> {
    let last = '';
    return eventually(
      `kubectl describe ${object} with ${words.join(' and ')}`,
      async () => {
        last = await this.kubectl(['describe', ...object.split('/')]);
        return words.every((word) => last.includes(word)) && last;
      },
      { deadlineMs: 20_000, everyMs: 200 },
    ).catch((cause: unknown) => {
      throw new Error(
        `${object} is described as:\n${last}\noperator: ${this.operator.logTail()}\nagent: ${this.agent?.process.logTail()}`,
        { cause },
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.operator.stop();
    await this.home[Symbol.asyncDispose]();
    await this.controlPlane.stop();
  }
}

/** The chart's CRDs, accounts and rights; what would be Pods is started by us. */
async function installChart(controlPlane: ControlPlane): Promise<void> {
  const helm = (await findHelms()).at(-1);
  if (helm === undefined) throw new Error('no helm');
  const rights = /^(CustomResourceDefinition|ServiceAccount|(Cluster)?Role(Binding)?)$/;
  const hook = 'helm.sh/hook';
  const objects = (await helm.template()).filter(
    ({ kind, metadata }) => rights.test(kind) && !metadata.annotations?.[hook],
  );
  await controlPlane.kubectl(['create', 'namespace', 'bpf-system']);
  await controlPlane.kubectl(['apply', '--server-side', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
  });
  await controlPlane.kubectl([
    'wait',
    '--for=condition=Established',
    'crd/bpfs.bpf.sh',
    'crd/bpfrevisions.bpf.sh',
    'crd/bpfnodes.bpf.sh',
  ]);
}

/** A Node as a kubelet registers it, and ready. */
async function addNode(controlPlane: ControlPlane, name: string): Promise<void> {
  const labels = { 'kubernetes.io/os': 'linux', 'kubernetes.io/hostname': name };
  await controlPlane.kubectl(['create', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels } }),
  });
  const conditions = [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: '' }];
  await controlPlane.kubectl([
    'patch',
    'node',
    name,
    '--subresource=status',
    '--type=merge',
    '--patch',
    JSON.stringify({ status: { conditions } }),
  ]);
}

async function kubeconfigOf(controlPlane: ControlPlane, serviceAccount: string): Promise<string> {
  const token = await controlPlane.tokenFor('bpf-system', serviceAccount);
  const path = join(controlPlane.caFile, '..', `${serviceAccount}.kubeconfig`);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: controlPlane.url, 'certificate-authority': controlPlane.caFile } }],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'bpf-system' } }],
    'current-context': 'x',
  };
  await writeFile(path, JSON.stringify(config));
  return path;
}

function startOperator(home: AgentHome, kubeconfig: string): OwnedProcess {
  const args = [
    '--kubeconfig',
    kubeconfig,
    '--namespace',
    'bpf-system',
    '--agents',
    'external',
    '--listen',
    '127.0.0.1:0',
  ];
  return startProcess('operator', process.execPath, [operatorMain, ...args], join(home.folder, 'operator.log'));
}
