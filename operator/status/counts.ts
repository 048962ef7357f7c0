import { compareText } from '../watch/trim.ts';
import type { Contribution, Progress } from './contribution.ts';

/** Reason to node name to message. */
type TroubleMap = Map<string, Map<string, string>>;

export interface TroubleGroup {
  readonly reason: string;
  readonly count: number;
  /** Some of the nodes, the first by name. */
  readonly nodes: readonly string[];
  /** What the first of them said. */
  readonly message: string;
}

/** The counters of one BPF: sums of contributions, to which each can be added and from which it can be taken again. */
export class Counts {
  readonly #progress: Record<Progress, number> = { ready: 0, failed: 0, unknown: 0, waiting: 0, pending: 0 };
  readonly #failures: TroubleMap = new Map();
  readonly #warnings: TroubleMap = new Map();
  #updated = 0;
  #listed = 0;

  /** Nodes that should run it. */
  get desired(): number {
    const { ready, failed, unknown, waiting, pending } = this.#progress;
    return ready + failed + unknown + waiting + pending;
  }

  /** Of the desired, those that have reported on the wanted revision. */
  get updated(): number {
    return this.#updated;
  }

  /** Nodes with a live agent that names the BPF. */
  get listed(): number {
    return this.#listed;
  }

  /** Of the desired, those at this point. */
  in(progress: Progress): number {
    return this.#progress[progress];
  }

  /** The largest groups first. */
  failures(maxGroups: number, maxNodes: number): TroubleGroup[] {
    return groupsOf(this.#failures, maxGroups, maxNodes);
  }

  /** Of nodes that are ready nevertheless. */
  warnings(maxGroups: number, maxNodes: number): TroubleGroup[] {
    return groupsOf(this.#warnings, maxGroups, maxNodes);
  }

  add(node: string, contribution: Contribution): void {
    this.#count(contribution, 1);
    const { trouble } = contribution;
    if (trouble === undefined) return;
    const troubles = this.#troublesOf(contribution);
    const nodes = troubles.get(trouble.reason);
    if (nodes === undefined) troubles.set(trouble.reason, new Map([[node, trouble.message]]));
    else nodes.set(node, trouble.message);
  }

  /** `contribution` is what was added for the node before. */
  remove(node: string, contribution: Contribution): void {
    this.#count(contribution, -1);
    if (contribution.trouble === undefined) return;
    const troubles = this.#troublesOf(contribution);
    const nodes = troubles.get(contribution.trouble.reason);
    nodes?.delete(node);
    if (nodes?.size === 0) troubles.delete(contribution.trouble.reason);
  }

  equals(other: Counts): boolean {
    return (
      Object.entries(this.#progress).every(([key, count]) => other.#progress[key as Progress] === count) &&
      this.#updated === other.#updated &&
      this.#listed === other.#listed &&
      sameTroubles(this.#failures, other.#failures) &&
      sameTroubles(this.#warnings, other.#warnings)
    );
  }

  #count({ progress, updated, listed }: Contribution, step: 1 | -1): void {
    if (progress !== undefined) this.#progress[progress] += step;
    if (updated) this.#updated += step;
    if (listed) this.#listed += step;
  }

  #troublesOf({ progress }: Contribution): TroubleMap {
    return progress === 'failed' ? this.#failures : this.#warnings;
  }
}

function groupsOf(troubles: TroubleMap, maxGroups: number, maxNodes: number): TroubleGroup[] {
  return [...troubles]
    .sort(([reasonA, a], [reasonB, b]) => b.size - a.size || compareText(reasonA, reasonB))
    .slice(0, maxGroups)
    .map(([reason, messages]) => {
      const nodes = firstNames(messages.keys(), maxNodes);
      return { reason, count: messages.size, nodes, message: messages.get(nodes[0] ?? '') ?? '' };
    });
}

/** The first few in order, without sorting all: there may be thousands. */
function firstNames(names: Iterable<string>, max: number): string[] {
  const first: string[] = [];
  for (const name of names) {
    const last = first[max - 1];
    if (last !== undefined && name >= last) continue;
    first.push(name);
    first.sort(compareText);
    if (first.length > max) first.pop();
  }
  return first;
}

function sameTroubles(a: TroubleMap, b: TroubleMap): boolean {
  if (a.size !== b.size) return false;
  for (const [reason, messages] of a) {
    const others = b.get(reason);
    if (others === undefined || others.size !== messages.size) return false;
    for (const [node, message] of messages) if (others.get(node) !== message) return false;
  }
  return true;
}
