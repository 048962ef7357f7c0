import type { BpfNodeProgram } from '../../crds/bpf-node.ts';
import type { NodeState } from '../nodes/node-state.ts';
import { type Contribution, contributionOf, noContribution, sameContribution, type Wish } from './contribution.ts';
import { Counts } from './counts.ts';

/**
 * The counters of every BPF, kept by differences: a node that reports on one program changes one BPF's counters by one,
 * however many nodes there are. Only a new wish goes over all nodes, once per rollout. Pure: no clock, no I/O.
 */
export class Tally {
  readonly #bpfs = new Map<string, { wish: Wish; counts: Counts }>();
  readonly #nodes = new Map<string, NodeState>();

  get nodes(): ReadonlyMap<string, NodeState> {
    return this.#nodes;
  }

  refs(): IterableIterator<string> {
    return this.#bpfs.keys();
  }

  /** Undefined for a BPF without a wish. */
  counts(ref: string): Counts | undefined {
    return this.#bpfs.get(ref)?.counts;
  }

  /** What a BPF wants from now on. */
  setWish(wish: Wish): void {
    const known = this.#bpfs.get(wish.ref);
    if (known !== undefined && sameWish(known.wish, wish)) return;
    this.#bpfs.set(wish.ref, { wish, counts: this.#countAll(wish) });
  }

  dropWish(ref: string): void {
    this.#bpfs.delete(ref);
  }

  /** What a node is from now on. Refs of the BPFs whose counters changed. */
  setNode(node: NodeState): string[] {
    const old = this.#nodes.get(node.name);
    this.#nodes.set(node.name, node);
    return this.#move(old, node);
  }

  dropNode(name: string): string[] {
    const old = this.#nodes.get(name);
    if (old === undefined) return [];
    this.#nodes.delete(name);
    return this.#move(old, undefined);
  }

  /** Counts one BPF from the start; false when its counters were not what they should be, which are now. */
  recount(ref: string): boolean {
    const bpf = this.#bpfs.get(ref);
    if (bpf === undefined) return true;
    const counts = this.#countAll(bpf.wish);
    if (bpf.counts.equals(counts)) return true;
    bpf.counts = counts;
    return false;
  }

  #move(old: NodeState | undefined, next: NodeState | undefined): string[] {
    const refs =
      old !== undefined && next !== undefined && sameButReports(old, next)
        ? changedRefs(old.reports, next.reports)
        : [...this.#bpfs.keys()];
    return refs.filter((ref) => this.#moveOne(ref, old, next));
  }

  #moveOne(ref: string, old: NodeState | undefined, next: NodeState | undefined): boolean {
    const bpf = this.#bpfs.get(ref);
    if (bpf === undefined) return false;
    const before = contribution(bpf.wish, old);
    const after = contribution(bpf.wish, next);
    if (sameContribution(before, after)) return false;
    if (old !== undefined) bpf.counts.remove(old.name, before);
    if (next !== undefined) bpf.counts.add(next.name, after);
    return true;
  }

  #countAll(wish: Wish): Counts {
    const counts = new Counts();
    for (const node of this.#nodes.values()) counts.add(node.name, contributionOf(wish, node));
    return counts;
  }
}

const contribution = (wish: Wish, node: NodeState | undefined): Contribution =>
  node === undefined ? noContribution : contributionOf(wish, node);

function sameWish(a: Wish, b: Wish): boolean {
  return a.revision === b.revision && JSON.stringify(a.selection) === JSON.stringify(b.selection);
}

function sameButReports(a: NodeState, b: NodeState): boolean {
  return (
    a.eligible === b.eligible && a.health === b.health && a.reporting === b.reporting && sameLabels(a.labels, b.labels)
  );
}

function sameLabels(a: NodeState['labels'], b: NodeState['labels']): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && a[key] === b[key]);
}

/** Refs whose report differs, by one walk along both sorted lists. */
function changedRefs(old: readonly BpfNodeProgram[], next: readonly BpfNodeProgram[]): string[] {
  const refs: string[] = [];
  for (let i = 0, j = 0; i < old.length || j < next.length; ) {
    const a = old[i];
    const b = next[j];
    if (a !== undefined && (b === undefined || a.ref < b.ref)) {
      refs.push(a.ref);
      i++;
    } else if (b !== undefined && (a === undefined || b.ref < a.ref)) {
      refs.push(b.ref);
      j++;
    } else {
      if (a !== undefined && b !== undefined && !sameReport(a, b)) refs.push(a.ref);
      i++;
      j++;
    }
  }
  return refs;
}

function sameReport(a: BpfNodeProgram, b: BpfNodeProgram): boolean {
  return a.revision === b.revision && a.state === b.state && a.reason === b.reason && a.message === b.message;
}
