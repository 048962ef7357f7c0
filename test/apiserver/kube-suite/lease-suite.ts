import { LeaderElector } from '../../../runtime/kube/leader-elector.ts';
import { leaderGauge } from '../../../runtime/kube/leader-metrics.ts';
import { leases } from '../../../runtime/kube/lease.ts';
import type { SeenRequest } from '../../fakes/faulty-server.ts';
import type { ManualClock } from '../../fakes/manual-clock.ts';
import { Rig } from './rig.ts';
import type { KubeTarget } from './target.ts';

/** One process that wants to lead. */
class Candidate extends Rig {
  readonly identity: string;
  readonly elector: LeaderElector;
  readonly stopping = new AbortController();
  readonly watchdogs: number[] = [];
  state = 'waiting';
  ended: Promise<string> | undefined;

  constructor(target: KubeTarget, identity: string, lease: string, clock?: ManualClock) {
    super(target, { userAgent: identity, ...(clock === undefined ? {} : { clock }) });
    this.identity = identity;
    this.elector = new LeaderElector({
      ...{ client: this.client, clock: this.clock, logger: this.logger, gauge: leaderGauge(this.registry), identity },
      ...{ namespace: 'default', name: lease, random: () => 0 },
      watchdog: (limitMs) => {
        this.watchdogs.push(limitMs);
        return { [Symbol.dispose]: () => this.watchdogs.pop() };
      },
    });
    this.onDispose(async () => {
      this.stopping.abort();
      await this.ended?.catch(() => undefined);
    });
  }

  start(lead?: () => Promise<void>): void {
    this.ended = this.elector.run(this.stopping.signal, async (signal) => {
      this.state = 'leading';
      if (lead !== undefined) await lead();
      if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      this.state = 'told to stop';
    });
    this.ended.then(
      (end) => (this.state = end),
      () => (this.state = 'threw'),
    );
  }
}

const by = (identity: string) => (request: SeenRequest) => request.headers['user-agent'] === identity;

/** Who leads, through all that may happen to a Lease. */
export function describeLease(target: () => KubeTarget): void {
  describe('leader election', () => {
    afterEach(() => target().faulty.heal());

    /** Two candidates of one Lease and one time; `a` leads, `b` has seen it. */
    const pair = async (stack: AsyncDisposableStack) => {
      const name = `lease-${Math.random().toString(36).slice(2)}`;
      const a = stack.use(new Candidate(target(), 'a', name));
      const b = stack.use(new Candidate(target(), 'b', name, a.clock));
      a.start();
      await a.converge('a to lead', () => a.state === 'leading');
      b.start();
      await b.sleeping(2); // a between renewals, b between looks
      const pass = async (durationMs: number) => {
        for (let passedMs = 0; passedMs < durationMs; passedMs += 500) {
          await a.clock.advance(500);
          await Promise.all([a.quiet(), b.quiet()]);
          expect(a.elector.leading && b.elector.leading).toBe(false);
        }
      };
      const ref = { namespace: 'default', name };
      return { a, b, pass, ref };
    };

    test('one leads for as long as it lives, and says so in the Lease', async () => {
      await using stack = new AsyncDisposableStack();
      const { a, b, pass, ref } = await pair(stack);
      const before = await a.other.get(leases, ref);
      expect(before.spec).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 });
      expect(before.spec?.renewTime).toMatch(/\.\d{6}Z$/);
      a.clock.jumpWall(3_600_000); // other people's clocks do not matter
      await pass(60_000);
      expect([a.state, b.state]).toEqual(['leading', 'waiting']);
      const after = await a.other.get(leases, ref);
      expect(after.spec?.acquireTime).toBe(before.spec?.acquireTime);
      expect(Date.parse(after.spec?.renewTime ?? '')).toBeGreaterThan(Date.parse(before.spec?.renewTime ?? ''));
      expect(a.watchdogs).toEqual([10_000]);
      expect(await a.metric('leader_election_master_status')).toBe(1);
      expect(await b.metric('leader_election_master_status')).toBe(0);
    });

    test('who stops gives the Lease back, and the next one has it within its next look', async () => {
      await using stack = new AsyncDisposableStack();
      const { a, b, pass, ref } = await pair(stack);
      a.stopping.abort();
      expect(await a.ended).toBe('stopped');
      expect((await a.other.get(leases, ref)).spec?.holderIdentity ?? '').toBe('');
      expect(a.elector.leading).toBe(false);
      expect(a.watchdogs).toEqual([]);
      await pass(2_500);
      expect(b.state).toBe('leading');
      expect((await b.other.get(leases, ref)).spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
    });

    test('who is killed is followed 15 s after it was last seen, not sooner', async () => {
      await using stack = new AsyncDisposableStack();
      const { a, b, pass } = await pair(stack);
      await pass(2_500); // one renewal, and b has looked
      target().faulty.inject({ type: 'reset' }, by('a'), 1_000);
      await pass(12_500);
      expect([a.state, b.state]).toEqual(['lost', 'waiting']);
      await pass(5_000);
      expect(b.state).toBe('leading');
    });

    test.each([
      ['503', { type: 'answer', status: 503 }],
      ['403', { type: 'answer', status: 403 }],
      ['a reset', { type: 'reset' }],
    ] as const)('who meets %s on every renewal knows after 10 s that it may not lead any more', async (_, fault) => {
      await using stack = new AsyncDisposableStack();
      const { a, pass } = await pair(stack);
      target().faulty.inject(fault, by('a'), 1_000);
      await pass(9_500);
      expect(a.elector.leading).toBe(true);
      a.elector.assertLeading();
      await pass(2_500);
      expect(a.elector.leading).toBe(false);
      expect(() => a.elector.assertLeading()).toThrow('is not held');
      expect(await a.ended).toBe('lost');
      expect(await a.metric('leader_election_master_status')).toBe(0);
    });

    test('one renewal that never gets an answer does not cost the Lease', async () => {
      await using stack = new AsyncDisposableStack();
      const { a, ref } = await pair(stack);
      target().faulty.forget();
      target().faulty.inject({ type: 'hang' }, by('a'));
      await a.clock.advance(2_000);
      await a.converge('the renewal', () => target().faulty.requests.some(by('a')));
      const before = await a.other.get(leases, ref);
      await a.clock.advance(4_000);
      await a.sleeping();
      await a.clock.advance(2_000);
      await a.converge('another', async () => {
        return (await a.other.get(leases, ref)).metadata.resourceVersion !== before.metadata.resourceVersion;
      });
      expect(a.state).toBe('leading');
    });

    test('a Lease that is deleted is made anew by who leads', async () => {
      await using stack = new AsyncDisposableStack();
      const { a, b, pass, ref } = await pair(stack);
      await a.other.delete(leases, ref);
      await pass(30_000);
      expect([a.state, b.state]).toEqual(['leading', 'waiting']);
      expect((await a.other.get(leases, ref)).spec?.holderIdentity).toBe('a');
    });

    test('a Lease that is deleted together with who held it is taken when it would have run out', async () => {
      await using stack = new AsyncDisposableStack();
      const { a, b, pass, ref } = await pair(stack);
      await pass(2_500);
      target().faulty.inject({ type: 'reset' }, by('a'), 1_000);
      await a.other.delete(leases, ref);
      await pass(12_500);
      expect([a.state, b.state]).toEqual(['lost', 'waiting']);
      await pass(5_000);
      expect(b.state).toBe('leading');
    });

    test('who finds another name in the Lease stops at once', async () => {
      await using stack = new AsyncDisposableStack();
      const { a, pass, ref } = await pair(stack);
      await a.other.mergePatch(leases, ref, { spec: { holderIdentity: 'somebody' } });
      await pass(2_500);
      expect(await a.ended).toBe('lost');
    });

    test('an answer that was lost on its way costs nothing: the next attempt finds its own name', async () => {
      await using stack = new AsyncDisposableStack();
      const { a, pass } = await pair(stack);
      const isPut = (request: SeenRequest) => request.method === 'PUT' && by('a')(request);
      target().faulty.inject({ type: 'reset-after' }, isPut);
      await pass(6_000);
      expect(a.state).toBe('leading');
      expect(a.elector.leading).toBe(true);
    });

    test('when leading itself fails, the Lease is given back and the failure passed on', async () => {
      await using stack = new AsyncDisposableStack();
      const name = `lease-${Math.random().toString(36).slice(2)}`;
      const a = stack.use(new Candidate(target(), 'a', name));
      a.start(() => Promise.reject(new Error('broken')));
      await a.converge('an end', () => a.state === 'threw');
      await expect(a.ended).rejects.toThrow('broken');
      expect((await a.other.get(leases, { namespace: 'default', name })).spec?.holderIdentity ?? '').toBe('');
    });

    test('who is stopped while it waits never leads', async () => {
      await using stack = new AsyncDisposableStack();
      const { b, pass } = await pair(stack);
      b.stopping.abort();
      expect(await b.ended).toBe('stopped');
      await pass(1_000);
      expect(b.elector.leading).toBe(false);
    });
  });
}
