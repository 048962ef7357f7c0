import type { Clock } from '../../runtime/clock.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import { done, type Result, requeueAfter, wait } from '../../runtime/kube/result.ts';
import type { Tally } from '../status/tally.ts';
import { type BpfNodeObject, bpfNodes, type NodeObject, type PodObject } from '../watch/resources.ts';
import { isEligible, type Placement } from './eligible.ts';
import { type NodeInput, nodeStateOf } from './node-state.ts';

export interface NodeReconcilerDeps {
  readonly client: KubeClient;
  readonly nodes: { get(name: string): NodeObject | undefined };
  readonly bpfNodes: { get(name: string): BpfNodeObject | undefined };
  /** 'external': agents are started by somebody else. Otherwise the agent's Pod on a node, and where they may be. */
  readonly agents:
    | 'external'
    | { readonly podOn: (node: string) => PodObject | undefined; readonly placement: () => Placement | undefined };
  readonly tally: Tally;
  readonly clock: Clock;
  /** The counters of these BPFs have changed. */
  readonly changed: (refs: readonly string[]) => void;
}

/** Keeps a BPFNode for each Node, and the counters up to date with what nodes are and report. */
export class NodeReconciler {
  readonly #deps: NodeReconcilerDeps;
  /** Nodes on which an agent's Pod was missed, and since when; wall time, as the Pod's own would be. */
  readonly #podMissedAtMs = new Map<string, number>();

  constructor(deps: NodeReconcilerDeps) {
    this.#deps = deps;
  }

  async reconcile(name: string, signal: AbortSignal): Promise<Result> {
    const { client, nodes } = this.#deps;

    // Counters first: they need nothing but what is known already.
    const unknownInMs = this.count(name);

    // The BPFNode goes with its Node by owner reference.
    const node = nodes.get(name);
    if (node === undefined || node.metadata.deletionTimestamp !== undefined) return done;
    const bpfNode = this.#deps.bpfNodes.get(name);
    if (bpfNode === undefined) {
      if (this.#isEligible(node)) await client.create(bpfNodes, draftOf(node), { signal });
    } else if (!isOwnedBy(bpfNode, node)) {
      // Of a Node that was deleted and made again by the same name before garbage collection saw it.
      await client.delete(bpfNodes, { name }, { uid: bpfNode.metadata.uid, signal });
      return wait('BPFNode of an earlier Node is being deleted');
    }
    return unknownInMs === undefined ? done : requeueAfter(unknownInMs);
  }

  /** Brings the counters up to date with one node; when it will be unknown, if it is on the way to it. */
  count(name: string): number | undefined {
    const { nodes, bpfNodes: reports, tally, clock, changed } = this.#deps;
    const node = nodes.get(name);
    if (node === undefined) {
      this.#podMissedAtMs.delete(name);
      changed(tally.dropNode(name));
      return undefined;
    }
    const agent = this.#agentOn(name);
    const { state, unknownInMs } = nodeStateOf({
      node,
      bpfNode: reports.get(name),
      eligible: this.#isEligible(node),
      agent,
      nowMs: clock.now(),
    });
    changed(tally.setNode(state));
    return unknownInMs;
  }

  #agentOn(node: string): NodeInput['agent'] {
    const { agents, clock } = this.#deps;
    if (agents === 'external') return { type: 'external' };
    const pod = agents.podOn(node);
    if (pod !== undefined) {
      this.#podMissedAtMs.delete(node);
      return { type: 'pod', pod };
    }
    const sinceMs = this.#podMissedAtMs.get(node) ?? clock.now();
    this.#podMissedAtMs.set(node, sinceMs);
    return { type: 'no-pod', sinceMs };
  }

  #isEligible(node: NodeObject): boolean {
    const { agents } = this.#deps;
    if (agents === 'external') return isEligible(undefined, node, false);
    return isEligible(agents.placement(), node, agents.podOn(node.metadata.name) !== undefined);
  }
}

const draftOf = ({ metadata: { name, uid } }: NodeObject) => ({
  metadata: { name, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }] },
});

const isOwnedBy = (bpfNode: BpfNodeObject, node: NodeObject): boolean =>
  bpfNode.metadata.ownerReferences?.some(({ uid }) => uid === node.metadata.uid) === true;
