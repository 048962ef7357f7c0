import { BudgetSpent, Pacer } from '../../../../agent/metrics/pacer.ts';

const never = new Promise<void>(() => undefined);

/** A pacer whose clock stands at 0, with so much left. */
const pacer = (leftMs: number, signal = new AbortController().signal): Pacer => new Pacer(signal, () => 0, leftMs);

test('waits for what it is given, and no longer', async () => {
  await pacer(600_000).wait(Promise.resolve(), 600_000);
});

test('goes on after the limit, whatever it waited for', async () => {
  await pacer(600_000).wait(never, 5);
});

test('ends with the budget', async () => {
  let nowMs = 0;
  const waiting = new Pacer(new AbortController().signal, () => nowMs, 5).wait(never, 600_000);
  nowMs = 5;
  await expect(waiting).rejects.toThrow(BudgetSpent);
});

test('ends when nobody waits any more', async () => {
  const controller = new AbortController();
  const waiting = pacer(600_000, controller.signal).wait(never, 600_000);
  controller.abort(new Error('client gone'));
  await expect(waiting).rejects.toThrow('client gone');
});
