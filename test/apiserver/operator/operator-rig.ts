import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Registry } from 'prom-client';
import type { BpfSpec, BpfStatus } from '../../../crds/bpf.ts';
import {
  type BpfObject,
  bpfs,
  type ConfigMapObject,
  configMaps,
  type NodeObject,
  nodes,
} from '../../../operator/watch/resources.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { KubeClient } from '../../../runtime/kube/client.ts';
import { kubeconfigConnection } from '../../../runtime/kube/kubeconfig.ts';
import { Transport } from '../../../runtime/kube/transport.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { findHelms, type Rendered } from '../../chart/helm.ts';
import { type ControlPlane, startControlPlane } from '../harness/control-plane.ts';
import { eventually } from '../harness/eventually.ts';
import { freePorts } from '../harness/free-port.ts';
import { type OwnedProcess, startProcess } from '../harness/owned-process.ts';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
export const operatorNamespace = 'bpf-system';
/** What the harness cannot take: kinds of Prometheus' operator, and the hook, which is a release's last act. */
const notInstalled = (object: Rendered): boolean =>
  object.apiVersion.startsWith('monitoring.coreos.com/') || object.kind === 'Job' || object.kind === 'Deployment';

/** A control plane with the chart's CRDs, accounts and rights on it, and operators as processes under those rights. */
export class OperatorRig implements AsyncDisposable {
  readonly controlPlane: ControlPlane;
  /** May do everything. */
  readonly admin: KubeClient;
  readonly #folder: string;
  readonly #transports: Transport[] = [];
  readonly #processes: OwnedProcess[] = [];

  private constructor(controlPlane: ControlPlane, folder: string, admin: Transport) {
    this.controlPlane = controlPlane;
    this.#folder = folder;
    this.#transports.push(admin);
    this.admin = new KubeClient({ transport: admin, fieldManager: 'test', fieldValidation: 'Strict' });
  }

  /**
   * The first watches of a kind that was just established may be answered 429 (storage is (re)initializing). Operators get
   * over that, with a warning; tests that count warnings start when it is over.
   */
  #watchable(plural: string): Promise<unknown> {
    const path = `/apis/bpf.sh/v1alpha1/${plural}?watch=true&resourceVersion=0&timeoutSeconds=1`;
    return eventually(`the API server to watch ${plural}`, async () => {
      const { code } = await this.controlPlane.kubectl(['get', '--raw', path], { mayFail: true });
      return code === 0;
    });
  }

  static async start(values: object = {}): Promise<OperatorRig> {
    const controlPlane = await startControlPlane();
    const folder = await mkdtemp(join(tmpdir(), 'kube-bpf-operator-'));
    const connection = await kubeconfigConnection({ file: controlPlane.adminKubeconfig, clock: systemClock });
    const rig = new OperatorRig(controlPlane, folder, transportOf(connection, 'test'));
    await controlPlane.kubectl(['create', 'namespace', operatorNamespace]);
    const helm = (await findHelms()).at(-1);
    if (helm === undefined) throw new Error('no helm');
    const items = (await helm.template(values)).filter((object) => !notInstalled(object));
    await controlPlane.kubectl(['apply', '--server-side', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    });
    const crds = ['bpfs.bpf.sh', 'bpfrevisions.bpf.sh', 'bpfnodes.bpf.sh'].map((name) => `crd/${name}`);
    await controlPlane.kubectl(['wait', '--for=condition=Established', '--timeout=30s', ...crds]);
    await Promise.all(['bpfs', 'bpfrevisions', 'bpfnodes'].map((plural) => rig.#watchable(plural)));
    return rig;
  }

  /** A client with the rights of a service account of the operator's namespace. */
  async clientOf(serviceAccount: string): Promise<KubeClient> {
    const file = await this.#kubeconfigOf(serviceAccount);
    const transport = transportOf(await kubeconfigConnection({ file, clock: systemClock }), serviceAccount);
    this.#transports.push(transport);
    return new KubeClient({ transport, fieldManager: serviceAccount, fieldValidation: 'Strict' });
  }

  /** An operator as its own process and with the chart's rights; resolves when it serves. */
  async startOperator(name: string, ...flags: string[]): Promise<RunningOperator> {
    const [[port = 0], kubeconfig] = await Promise.all([freePorts(1), this.#kubeconfigOf('kube-bpf-operator')]);
    const process = this.#spawn(name, kubeconfig, `--listen=127.0.0.1:${port}`, '--log-level=debug', ...flags);
    const url = `http://127.0.0.1:${port}`;
    const serves = async () => {
      if (process.exited !== undefined) throw new Error(`${name}: ${process.exited}\n${process.logTail()}`);
      return (await fetch(`${url}/healthz`)).ok;
    };
    await eventually(`${name} to serve`, serves, { deadlineMs: 15_000 });
    return { process, url, log: () => readFile(this.#logOf(name), 'utf8') };
  }

  /** What operators said at warning level and above: nothing, as long as nothing is wrong. */
  async complaints(...operators: readonly RunningOperator[]): Promise<string[]> {
    const logs = await Promise.all(operators.map(({ log }) => log()));
    const lines = logs.flatMap((log) => log.trim().split('\n'));
    return lines.filter((line) => /"level":"(warn|error|fatal)"/.test(line));
  }

  /** `--uninstall`, which ends by itself, and well. */
  async uninstall(serviceAccount: string): Promise<void> {
    const process = this.#spawn('uninstall', await this.#kubeconfigOf(serviceAccount), '--uninstall');
    await eventually('uninstall to end', () => process.exited, { deadlineMs: 90_000, everyMs: 200 });
    if (process.exited !== 'exit code 0') throw new Error(`uninstall: ${process.exited}\n${process.logTail()}`);
  }

  /** A Node as a kubelet would have it. */
  async makeNode(name: string, labels: Record<string, string> = {}): Promise<NodeObject> {
    const metadata = { name, labels: { 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64', ...labels } };
    await this.admin.create(nodes, { metadata });
    return await this.setNodeReady(name, true);
  }

  async setNodeReady(name: string, ready: boolean, sinceMs = Date.now()): Promise<NodeObject> {
    const time = new Date(sinceMs).toISOString().replace(/\.\d+Z$/, 'Z');
    const condition = {
      type: 'Ready',
      status: ready ? 'True' : 'Unknown',
      reason: 'Test',
      message: '',
      lastHeartbeatTime: time,
      lastTransitionTime: time,
    };
    const patch = { status: { conditions: [condition] } };
    return await this.admin.mergePatch(nodes, { name }, patch, { subresource: 'status' });
  }

  async makeNamespace(name: string): Promise<void> {
    await this.controlPlane.kubectl(['create', 'namespace', name]);
  }

  async applyConfigMap(namespace: string, name: string, key: string, bytes: Uint8Array): Promise<ConfigMapObject> {
    const binaryData = { [key]: Buffer.from(bytes).toString('base64') };
    return await this.admin.apply(configMaps, { metadata: { namespace, name }, binaryData }, { force: true });
  }

  /** A BPF that reads `object` of a ConfigMap that is called as it is, unless the spec says otherwise. */
  async applyBpf(namespace: string, name: string, spec: Partial<BpfSpec> = {}): Promise<BpfObject> {
    const program = { valueFrom: { configMapKeyRef: { name, key: 'object' } } };
    const draft = { metadata: { namespace, name }, spec: { suspend: false, program, ...spec } };
    return await this.admin.apply(bpfs, draft, { force: true });
  }

  async statusOf(namespace: string, name: string): Promise<BpfStatus | undefined> {
    return (await this.admin.find(bpfs, { namespace, name }))?.status;
  }

  /** Waits until the status says so; otherwise throws with the status as it is. */
  async statusWhere(
    namespace: string,
    name: string,
    holds: (status: BpfStatus) => boolean,
    deadlineMs = 15_000,
  ): Promise<BpfStatus> {
    let last: BpfStatus | undefined;
    try {
      return await eventually(
        `the status of ${namespace}/${name}`,
        async () => {
          last = await this.statusOf(namespace, name);
          return last !== undefined && holds(last) && last;
        },
        { deadlineMs },
      );
    } catch (error) {
      const logs = this.#processes.map(
        (process) => `${process.name}: ${process.exited ?? 'runs'}\n${process.logTail()}`,
      );
      throw new Error(`status is ${JSON.stringify(last, undefined, 1)}\n${logs.join('\n')}`, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.kill()));
    for (const transport of this.#transports) transport.close();
    await this.controlPlane.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #spawn(name: string, kubeconfig: string, ...flags: string[]): OwnedProcess {
    const args = [
      join(repository, 'operator/main.ts'),
      ...[`--kubeconfig=${kubeconfig}`, `--namespace=${operatorNamespace}`, ...flags],
    ];
    const started = startProcess(name, process.execPath, args, this.#logOf(name));
    this.#processes.push(started);
    return started;
  }

  #logOf(name: string): string {
    return join(this.#folder, `${name}.log`);
  }

  async #kubeconfigOf(serviceAccount: string): Promise<string> {
    const token = await this.controlPlane.tokenFor(operatorNamespace, serviceAccount);
    const cluster = { server: this.controlPlane.url, 'certificate-authority': this.controlPlane.caFile };
    const file = join(this.#folder, `${serviceAccount}.kubeconfig`);
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster }],
      users: [{ name: serviceAccount, user: { token } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: serviceAccount } }],
      'current-context': 'test',
    };
    await writeFile(file, JSON.stringify(config));
    return file;
  }
}

export interface RunningOperator {
  readonly process: OwnedProcess;
  readonly url: string;
  readonly log: () => Promise<string>;
}

const transportOf = (connection: Awaited<ReturnType<typeof kubeconfigConnection>>, userAgent: string): Transport =>
  new Transport({
    connection,
    clock: systemClock,
    logger: createLogger({ name: userAgent, level: 'silent' }),
    registry: new Registry(),
    userAgent,
    maxConnections: 10,
  });
