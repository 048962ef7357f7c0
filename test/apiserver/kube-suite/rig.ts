import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { KubeClient } from '../../../runtime/kube/client.ts';
import type { KubeConnection } from '../../../runtime/kube/connection.ts';
import type { KubeObject } from '../../../runtime/kube/objects.ts';
import { defineResource } from '../../../runtime/kube/resource.ts';
import { Transport, type TransportOptions, type TransportRequest } from '../../../runtime/kube/transport.ts';
import { createLogger, type Logger } from '../../../runtime/logger.ts';
import { ManualClock } from '../../fakes/manual-clock.ts';
import { eventually } from '../harness/eventually.ts';
import type { KubeTarget } from './target.ts';

export type ConfigMap = KubeObject & { data?: Record<string, string> };
export type Node = KubeObject & { spec?: { unschedulable?: boolean; podCIDR?: string }; status?: NodeStatus };
export interface NodeStatus {
  phase?: string;
  conditions?: { type: string; status: string; reason?: string; message?: string }[];
  nodeInfo?: Record<string, string>;
}

export const configMaps = defineResource<ConfigMap>({
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
});
export const nodes = defineResource<Node>({
  group: '',
  version: 'v1',
  plural: 'nodes',
  kind: 'Node',
  namespaced: false,
});

const convergeWithinMs = 10_000;

/** A transport that a test can ask how many calls have not ended; an open watch is not one. */
class ObservedTransport extends Transport {
  calls = 0;

  override async json<T>(request: TransportRequest): Promise<T> {
    return this.#counted(() => super.json<T>(request));
  }

  override async stream(request: TransportRequest): Promise<IncomingMessage> {
    return this.#counted(() => super.stream(request));
  }

  async #counted<T>(call: () => Promise<T>): Promise<T> {
    this.calls += 1;
    try {
      return await call();
    } finally {
      this.calls -= 1;
    }
  }
}

/** One process of ours in a test: a clock that stands still, a client with three connections, and names of its own. */
export class Rig implements AsyncDisposable {
  /** Label value and name prefix of everything this test makes, since a real server is shared by all tests. */
  readonly run = `t${randomBytes(4).toString('hex')}`;
  readonly clock: ManualClock;
  readonly registry = new Registry();
  readonly logger: Logger = createLogger({ name: 'test', level: 'silent' });
  readonly transport: ObservedTransport;
  readonly client: KubeClient;
  /** Another client, past the faults, on real time. */
  readonly other: KubeClient;
  readonly #otherTransport: Transport;
  readonly #stops: (() => Promise<void>)[] = [];

  constructor(target: KubeTarget, options: RigOptions = {}) {
    this.clock = options.clock ?? new ManualClock();
    const { clock, logger, registry } = this;
    const common = { clock, logger, userAgent: options.userAgent ?? 'suite', maxConnections: 3, random: () => 0 };
    const connection = options.connection ?? target.connection();
    this.transport = new ObservedTransport({ ...common, connection, registry, ...options.transport });
    this.client = new KubeClient({ transport: this.transport, fieldManager: 'suite', fieldValidation: 'Strict' });
    const direct = { ...common, connection: target.direct, registry: new Registry() };
    this.#otherTransport = new Transport(direct);
    this.other = new KubeClient({ transport: this.#otherTransport, fieldManager: 'other', fieldValidation: 'Strict' });
  }

  /** Stopped, last first, at the end of the test. */
  onDispose(stop: () => Promise<void>): void {
    this.#stops.push(stop);
  }

  name(suffix: string): string {
    return `${this.run}-${suffix}`;
  }

  configMap(suffix: string, data: Record<string, string> = {}): ConfigMapDraft {
    return { metadata: { name: this.name(suffix), namespace: 'default', labels: { run: this.run } }, data };
  }

  /** The value of one of this rig's own metrics. */
  async metric(name: string, labels: Record<string, string> = {}): Promise<number> {
    const metric = await this.registry.getSingleMetric(name)?.get();
    const matches = (metric?.values ?? []).filter((value) =>
      Object.entries(labels).every(([label, wanted]) => (value.labels as Record<string, unknown>)[label] === wanted),
    );
    return matches.reduce((sum, { value }) => sum + value, 0);
  }

  /** Until the condition holds, moves the clock to the end of the next sleep, whenever nothing is under way. */
  async converge(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const endMs = performance.now() + convergeWithinMs;
    while (!(await condition())) {
      if (performance.now() > endMs) throw new Error(`wait for ${what}: not within ${convergeWithinMs} ms`);
      const [nextMs] = this.clock.sleepsMs;
      if (nextMs !== undefined && !this.#busy) await this.clock.advance(nextMs);
      await delay(1);
    }
  }

  /** Lets time pass in steps, each followed by what it set off. */
  async pass(durationMs: number, stepMs = 1_000): Promise<void> {
    for (let passedMs = 0; passedMs < durationMs; passedMs += stepMs) {
      await this.clock.advance(Math.min(stepMs, durationMs - passedMs));
      await this.idle();
    }
  }

  /** So many sleep: between two attempts, mostly. */
  async sleeping(count = 1): Promise<void> {
    await eventually('a sleep', () => this.clock.sleepsMs.length >= count, { everyMs: 1 });
  }

  /** Nothing under way. */
  async idle(): Promise<void> {
    await delay(1);
    await eventually('requests to end', () => !this.#busy, { everyMs: 1 });
  }

  /** No call that has not ended, sleeping or not: for those who share a clock, whose sleeps may be another's. */
  async quiet(): Promise<void> {
    await delay(1);
    await eventually('calls to end', () => this.transport.calls === 0, { everyMs: 1 });
  }

  /** A call that has not ended is under way, or sleeps before its next attempt. */
  get #busy(): boolean {
    return this.transport.calls > this.clock.sleepsMs.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.#stops.toReversed()) await stop();
    this.transport.close();
    this.#otherTransport.close();
  }
}

export interface RigOptions {
  readonly connection?: KubeConnection;
  /** To share time with another rig. */
  readonly clock?: ManualClock;
  readonly userAgent?: string;
  readonly transport?: Partial<TransportOptions>;
}

type ConfigMapDraft = {
  metadata: { name: string; namespace: string; labels: Record<string, string> };
  data: Record<string, string>;
};
