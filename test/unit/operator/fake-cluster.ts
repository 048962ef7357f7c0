import { setTimeout as delay } from 'node:timers/promises';
import { Registry } from 'prom-client';
import type { BpfSpec, BpfStatus } from '../../../crds/bpf.ts';
import type { BpfNodeProgram } from '../../../crds/bpf-node.ts';
import { OperatorMetrics } from '../../../operator/metrics.ts';
import { Operator } from '../../../operator/operator.ts';
import {
  type BpfObject,
  bpfNodes,
  bpfRevisions,
  bpfs,
  configMaps,
  nodes,
  type RevisionObject,
} from '../../../operator/watch/resources.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { KubeClient } from '../../../runtime/kube/client.ts';
import { EventRecorder } from '../../../runtime/kube/events.ts';
import type { KubeObject } from '../../../runtime/kube/objects.ts';
import { Transport } from '../../../runtime/kube/transport.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { type KubeTarget, openTarget } from '../../apiserver/kube-suite/target.ts';
import { FakeApi } from '../../fakes/api-server/fake-api.ts';
import type { SeenRequest } from '../../fakes/faulty-server.ts';
import { ManualClock } from '../../fakes/manual-clock.ts';

const ours = [bpfs, bpfRevisions, bpfNodes].map(({ group, version, plural, kind }) => ({
  ...{ group, version, plural, kind },
  hasStatus: kind !== 'BPFRevision',
}));
const namespace = 'bpf-system';
const convergeWithinMs = 15_000;
const logger = createLogger({ name: 'test', level: 'silent' });

/** One door, with certificates that take a while to make, for clusters that come one after another. */
export class FakeClusters implements AsyncDisposable {
  readonly #target: KubeTarget;
  readonly #serving: { api: FakeApi };

  private constructor(target: KubeTarget, serving: { api: FakeApi }) {
    this.#target = target;
    this.#serving = serving;
  }

  static async start(): Promise<FakeClusters> {
    const serving = { api: new FakeApi(ours) };
    const target = await openTarget((request, response) => serving.api.handle(request, response));
    return new FakeClusters(target, serving);
  }

  /** A new one, with nothing in it; the one before must have been disposed. */
  open(): FakeCluster {
    this.#serving.api = new FakeApi(ours);
    this.#target.faulty.heal();
    this.#target.faulty.forget();
    return new FakeCluster(this.#target);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#target[Symbol.asyncDispose]();
  }
}

/** An API server without kubelets and controllers, on which operators live and die, and time that a test moves. */
export class FakeCluster implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly target: KubeTarget;
  /** Past the faults. */
  readonly admin: KubeClient;
  readonly #adminTransport: Transport;
  readonly #running: { stop(): Promise<void> }[] = [];

  constructor(target: KubeTarget) {
    this.target = target;
    this.#adminTransport = this.#transport(target.direct, new Registry(), 'admin', systemClock);
    this.admin = new KubeClient({ transport: this.#adminTransport, fieldManager: 'admin' });
  }

  /** Another life of the operator, agents being somebody else's. */
  startOperator(watchNamespaces: readonly string[] = []): RunningOperator {
    const { clock } = this;
    const registry = new Registry();
    const transport = this.#transport(this.target.connection(), registry, 'operator', clock);
    const client = new KubeClient({ transport, fieldManager: 'bpf-operator' });
    const reporter = { controller: 'bpf.sh/operator', instance: 'operator-0' };
    const events = new EventRecorder({ client, reporter, clock, logger, registry });
    const metrics = new OperatorMetrics(registry);
    const common = { client, events, clock, logger, registry, metrics, namespace };
    const operator = new Operator({ ...common, watchNamespaces, agentTemplate: undefined, pod: undefined });
    const stopping = new AbortController();
    const ended = operator.run(stopping.signal).catch((error: unknown) => {
      if (!stopping.signal.aborted) throw error;
    });
    const running = {
      registry,
      stop: async () => {
        stopping.abort(new Error('test stops the operator'));
        transport.close();
        await events.stop(AbortSignal.abort(new Error('test stops the operator')));
        await ended;
      },
    };
    this.#running.push(running);
    return running;
  }

  async value(operator: RunningOperator, metric: string): Promise<number | undefined> {
    return (await operator.registry.getSingleMetric(metric)?.get())?.values[0]?.value;
  }

  /** Until the condition holds, time passes in small steps. */
  async until(what: string, condition: () => Promise<boolean | undefined>, stepMs = 50): Promise<void> {
    const endMs = performance.now() + convergeWithinMs;
    while (!(await condition())) {
      if (performance.now() > endMs) throw new Error(`wait for ${what}: not within ${convergeWithinMs} ms`);
      await this.clock.advance(stepMs);
      await delay(1);
    }
  }

  /** Lets time pass, and what it sets off happen. */
  async pass(durationMs: number, stepMs = 1000): Promise<void> {
    for (let passedMs = 0; passedMs < durationMs; passedMs += stepMs) {
      await this.clock.advance(Math.min(stepMs, durationMs - passedMs));
      await delay(2);
    }
  }

  async makeNode(name: string): Promise<KubeObject> {
    await this.admin.create(nodes, { metadata: { name } });
    return await this.setNodeReady(name, 'True');
  }

  async setNodeReady(name: string, status: 'True' | 'False'): Promise<KubeObject> {
    const lastTransitionTime = new Date(this.clock.now()).toISOString();
    const patch = { status: { conditions: [{ type: 'Ready', status, lastTransitionTime }] } };
    return await this.admin.mergePatch(nodes, { name }, patch, { subresource: 'status' });
  }

  /** What the node's agent says; its BPFNode must be there. */
  async report(node: string, programs: readonly BpfNodeProgram[]): Promise<void> {
    const { uid } = (await this.admin.get(nodes, { name: node })).metadata;
    const condition = { type: 'AgentReady', status: 'True', reason: 'Running', message: '', lastTransitionTime: '' };
    const status = { nodeUID: uid, programs, conditions: [condition] };
    await this.admin.mergePatch(bpfNodes, { name: node }, { status }, { subresource: 'status' });
  }

  /** Every node runs what is active, at once. */
  async reportAllReady(): Promise<void> {
    const active = (await this.revisions()).filter(({ spec }) => spec.active);
    const programs = active.map(({ metadata, spec }) => ({
      ref: `${metadata.namespace}/${spec.bpf.name}`,
      revision: metadata.name.slice(-8),
    }));
    programs.sort((a, b) => (a.ref < b.ref ? -1 : 1));
    const { items } = await this.admin.list(bpfNodes);
    for (const { metadata } of items) await this.report(metadata.name, programs);
  }

  async applyObject(name: string, elf: Uint8Array, namespace = 'apps'): Promise<void> {
    const binaryData = { object: Buffer.from(elf).toString('base64') };
    await this.admin.apply(configMaps, { metadata: { namespace, name }, binaryData }, { force: true });
  }

  /** A BPF of the object that is called as it is. */
  async applyBpf(name: string, spec: Partial<BpfSpec> = {}, namespace = 'apps'): Promise<BpfObject> {
    const program = { valueFrom: { configMapKeyRef: { name, key: 'object' } } };
    const draft = { metadata: { namespace, name }, spec: { program, suspend: false, ...spec } };
    return await this.admin.apply(bpfs, draft, { force: true });
  }

  async status(name: string, namespace = 'apps'): Promise<BpfStatus | undefined> {
    return (await this.admin.find(bpfs, { namespace, name }))?.status;
  }

  async condition(name: string, type: string): Promise<string | undefined> {
    return (await this.status(name))?.conditions?.find((condition) => condition.type === type)?.reason;
  }

  async revisions(): Promise<RevisionObject[]> {
    return (await this.admin.list(bpfRevisions)).items;
  }

  async payloads(): Promise<string[]> {
    const { items } = await this.admin.list(configMaps, { namespace });
    return items.map(({ metadata }) => metadata.name);
  }

  /** What operators asked since `forget`, watches aside. */
  get requests(): readonly SeenRequest[] {
    return this.target.faulty.requests.filter(({ url }) => !url.searchParams.has('watch'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { stop } of this.#running) await stop();
    this.#adminTransport.close();
  }

  #transport(
    connection: KubeTarget['direct'],
    registry: Registry,
    userAgent: string,
    clock: ManualClock | typeof systemClock,
  ): Transport {
    return new Transport({ connection, clock, logger, registry, userAgent, maxConnections: 32, random: () => 0 });
  }
}

export interface RunningOperator {
  readonly registry: Registry;
  stop(): Promise<void>;
}
