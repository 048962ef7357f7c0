import { Registry } from 'prom-client';
import { OperatorMetrics } from '../../../../operator/metrics.ts';
import { recount } from '../../../../operator/status/recount.ts';
import { Tally } from '../../../../operator/status/tally.ts';
import { createLogger } from '../../../../runtime/logger.ts';
import { ManualClock } from '../../../fakes/manual-clock.ts';
import { contribution, nodeState, ready } from '../states.ts';

test('counters that are wrong are counted, said and put right; the others are left alone', async () => {
  const registry = new Registry();
  const tally = new Tally();
  for (const ref of ['a/right', 'a/wrong']) tally.setWish({ ref, revision: '11111111', selection: {} });
  tally.setNode(nodeState());
  tally.counts('a/wrong')?.add('n9', contribution(ready));
  const said: string[] = [];
  const deps = {
    tally,
    clock: new ManualClock(),
    metrics: new OperatorMetrics(registry),
    logger: createLogger({ name: 'test', level: 'silent' }),
    changed: (refs: readonly string[]) => said.push(...refs),
  };
  await recount(deps);
  await recount(deps);
  expect(said).toEqual(['a/wrong']);
  expect(tally.counts('a/wrong')?.desired).toBe(1);
  expect(await registry.metrics()).toMatch(/^bpf_operator_recount_mismatches_total 1$/m);
});
