import { createHash } from 'node:crypto';
import { Registry } from 'prom-client';
import { matchesNode } from '../../../bpf/revision/matches-node.ts';
import type { BpfNodeProgram } from '../../../crds/bpf-node.ts';
import { payloadKey } from '../../../crds/names.ts';
import {
  bpfNodes,
  bpfRevisions,
  configMaps,
  type NodeObject,
  type RevisionObject,
} from '../../../operator/watch/resources.ts';
import { systemClock } from '../../../runtime/clock.ts';
import type { KubeClient } from '../../../runtime/kube/client.ts';
import { isKubeError } from '../../../runtime/kube/kube-error.ts';
import { Reflector } from '../../../runtime/kube/reflector.ts';
import { ReflectorMetrics } from '../../../runtime/kube/reflector-metrics.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { eventually } from '../harness/eventually.ts';

export type Verdict = Pick<BpfNodeProgram, 'state' | 'reason' | 'message'>;

/**
 * What one node's agent says to the API server, under its own account: it watches revisions, reads their payloads, and
 * reports. What becomes of an object is the test's to say; the kernel has no part in it.
 */
export class SimulatedAgent implements AsyncDisposable {
  readonly node: NodeObject;
  /** Digests of the payloads that were read and are what they should be. */
  readonly fetched = new Set<string>();
  readonly #client: KubeClient;
  readonly #verdict: (revision: RevisionObject) => Verdict;
  readonly #reflector: Reflector<RevisionObject>;
  #writing: Promise<void> = Promise.resolve();
  #failure: unknown;
  #last: string | undefined;
  #paused = false;

  constructor(client: KubeClient, node: NodeObject, verdict: (revision: RevisionObject) => Verdict = () => ({})) {
    this.node = node;
    this.#client = client;
    this.#verdict = verdict;
    this.#reflector = new Reflector({
      client,
      resource: bpfRevisions,
      clock: systemClock,
      logger: createLogger({ name: node.metadata.name, level: 'silent' }),
      metrics: new ReflectorMetrics(new Registry()),
    });
    this.#reflector.subscribe(() => this.report());
  }

  async start(): Promise<this> {
    this.#reflector.start();
    await this.#reflector.waitForSync();
    this.report();
    return this;
  }

  /** Reports anew, since what the test answers has changed. */
  report(): void {
    if (this.#paused) return;
    this.#writing = this.#writing
      .then(() => this.#write())
      .catch((error: unknown) => {
        this.#failure ??= error;
      });
  }

  /** From now on it hears nothing and says nothing, as one that hangs. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.report();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reflector.stop();
    this.#paused = true;
    await this.#writing;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #write(): Promise<void> {
    const { name, uid } = this.node.metadata;
    const programs: BpfNodeProgram[] = [];
    for (const revision of this.#wanted()) {
      await this.#fetch(revision);
      const { namespace = '', name: revisionName } = revision.metadata;
      programs.push({
        ref: `${namespace}/${revision.spec.bpf.name}`,
        revision: revisionName.slice(-8),
        ...this.#verdict(revision),
      });
    }
    programs.sort((a, b) => (a.ref < b.ref ? -1 : 1));
    const time = '2026-01-01T00:00:00Z';
    const condition = { type: 'AgentReady', status: 'True', reason: 'Running', message: '', lastTransitionTime: time };
    const status = { nodeUID: uid, programs, conditions: [condition] };
    if (JSON.stringify(status) === this.#last) return;
    this.#last = JSON.stringify(status);
    const patch = () => this.#client.mergePatch(bpfNodes, { name }, { status }, { subresource: 'status' });
    await eventually(`BPFNode ${name}`, async () => {
      try {
        return await patch();
      } catch (error) {
        if (isKubeError(error, 'NotFound')) return undefined; // the operator is about to make it
        throw error;
      }
    });
  }

  /** Of each BPF the active revision with the highest sequence, where its selector allows this node. */
  #wanted(): RevisionObject[] {
    const { name, labels = {} } = this.node.metadata;
    const best = new Map<string, RevisionObject>();
    for (const revision of this.#reflector.store.list()) {
      const { spec, metadata } = revision;
      if (!spec.active || !matchesNode(spec.selector, { name, labels })) continue;
      const ref = `${metadata.namespace}/${spec.bpf.name}`;
      if ((best.get(ref)?.spec.sequence ?? -1) < spec.sequence) best.set(ref, revision);
    }
    return [...best.values()];
  }

  async #fetch({ spec: { payload } }: RevisionObject): Promise<void> {
    if (this.fetched.has(payload.sha256)) return;
    const copy = await this.#client.get(configMaps, payload.configMap);
    const bytes = Buffer.from(copy.binaryData?.[payloadKey] ?? '', 'base64');
    if (createHash('sha256').update(bytes).digest('hex') === payload.sha256) this.fetched.add(payload.sha256);
  }
}
