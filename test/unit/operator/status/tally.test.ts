import fc from 'fast-check';
import type { BpfNodeProgram } from '../../../../crds/bpf-node.ts';
import type { NodeState } from '../../../../operator/nodes/node-state.ts';
import { contributionOf, type Wish } from '../../../../operator/status/contribution.ts';
import { Counts } from '../../../../operator/status/counts.ts';
import { Tally } from '../../../../operator/status/tally.ts';
import { nodeState } from '../states.ts';

const refs = ['a/one', 'a/two', 'b/one'];
const revisions = ['11111111', '22222222'];

const report = fc.record(
  {
    revision: fc.constantFrom(...revisions),
    state: fc.constantFrom('Ready' as const, 'Pending' as const, 'Failed' as const),
    reason: fc.constantFrom('VerifierRejected', 'MetricConflict'),
    message: fc.constantFrom('x', 'y'),
  },
  { requiredKeys: ['revision'] },
);
const reports: fc.Arbitrary<BpfNodeProgram[]> = fc
  .dictionary(fc.constantFrom(...refs, 'c/unknown'), report)
  .map((byRef) => Object.entries(byRef).map(([ref, rest]) => ({ ref, ...rest })))
  .map((list) => list.sort((a, b) => (a.ref < b.ref ? -1 : 1)));
const node: fc.Arbitrary<NodeState> = fc.record({
  name: fc.constantFrom('n1', 'n2', 'n3', 'n4'),
  labels: fc.dictionary(fc.constantFrom('disk', 'zone'), fc.constantFrom('a', 'b')),
  eligible: fc.boolean(),
  health: fc.constantFrom('live' as const, 'unready' as const, 'unknown' as const),
  reporting: fc.boolean(),
  reports,
});
const wish: fc.Arbitrary<Wish> = fc.record({
  ref: fc.constantFrom(...refs),
  revision: fc.constantFrom(undefined, ...revisions),
  selection: fc.constantFrom({}, { nodeSelector: { disk: 'a' } }, { nodeSelector: { zone: 'b' } }),
});
type Step =
  | { readonly type: 'node'; readonly node: NodeState }
  | { readonly type: 'drop-node'; readonly name: string }
  | { readonly type: 'wish'; readonly wish: Wish }
  | { readonly type: 'drop-wish'; readonly ref: string };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: node.map((value) => ({ type: 'node' as const, node: value })) },
  { weight: 1, arbitrary: node.map(({ name }) => ({ type: 'drop-node' as const, name })) },
  { weight: 3, arbitrary: wish.map((value) => ({ type: 'wish' as const, wish: value })) },
  { weight: 1, arbitrary: wish.map(({ ref }) => ({ type: 'drop-wish' as const, ref })) },
);

/** Slow and plain: every BPF over every node. */
class Reference {
  readonly nodes = new Map<string, NodeState>();
  readonly wishes = new Map<string, Wish>();

  counts(ref: string): Counts | undefined {
    const wanted = this.wishes.get(ref);
    if (wanted === undefined) return undefined;
    const counts = new Counts();
    for (const state of this.nodes.values()) counts.add(state.name, contributionOf(wanted, state));
    return counts;
  }
}

test('counting by differences is counting, whatever happens in whatever order; and what changes is said', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const tally = new Tally();
      const reference = new Reference();
      for (const next of steps) {
        const before = new Map(refs.map((ref) => [ref, reference.counts(ref)]));
        let said: string[] = [];
        switch (next.type) {
          case 'node':
            said = tally.setNode(next.node);
            reference.nodes.set(next.node.name, next.node);
            break;
          case 'drop-node':
            said = tally.dropNode(next.name);
            reference.nodes.delete(next.name);
            break;
          case 'wish':
            tally.setWish(next.wish);
            reference.wishes.set(next.wish.ref, next.wish);
            break;
          case 'drop-wish':
            tally.dropWish(next.ref);
            reference.wishes.delete(next.ref);
            break;
        }
        for (const ref of refs) {
          const [is, should] = [tally.counts(ref), reference.counts(ref)];
          if (should === undefined || is === undefined) {
            expect(is).toBe(should);
            continue;
          }
          expect(is.equals(should)).toBe(true);
          expect(tally.recount(ref)).toBe(true);
          if (!next.type.endsWith('node')) continue;
          const changed = before.get(ref)?.equals(should) === false;
          if (changed) expect(said).toContain(ref);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('a report on one BPF says that one, and no other', () => {
  const tally = new Tally();
  for (const ref of refs) tally.setWish({ ref, revision: '11111111', selection: {} });
  expect(tally.setNode(nodeState()).sort()).toEqual([...refs].sort());
  expect(tally.setNode(nodeState())).toEqual([]);
  expect(tally.setNode(nodeState({ reports: [{ ref: 'a/two', revision: '11111111' }] }))).toEqual(['a/two']);
  expect(tally.setNode(nodeState({ reports: [{ ref: 'c/unknown', revision: '11111111' }] }))).toEqual(['a/two']);
});

test('counters that are wrong are found, and are right afterwards', () => {
  const tally = new Tally();
  tally.setWish({ ref: 'a/one', revision: '11111111', selection: {} });
  tally.setNode(nodeState({ reports: [{ ref: 'a/one', revision: '11111111' }] }));
  tally.counts('a/one')?.add('n9', { progress: 'ready', updated: true, listed: true, trouble: undefined });
  expect(tally.recount('a/one')).toBe(false);
  expect(tally.counts('a/one')?.in('ready')).toBe(1);
  expect(tally.recount('a/one')).toBe(true);
  expect(tally.recount('no/such')).toBe(true);
});
