import { setImmediate as nextTurn } from 'node:timers/promises';
import { Fresh, maxAbsent } from '../../../../../agent/metrics/decoders/fresh.ts';
import { ManualClock } from '../../../../fakes/manual-clock.ts';

/** Names that a test may change, which take `tookMs` to read. */
function table({ maxAgeMs = 10_000, tookMs = 0 } = {}) {
  const clock = new ManualClock();
  const names = new Map<number, string>();
  const readAt: number[] = [];
  const fresh = new Fresh<number, ReadonlyMap<number, string>>({
    read: async () => {
      readAt.push(clock.monotonic());
      const read = new Map(names);
      if (tookMs > 0) await clock.sleep(tookMs);
      return read;
    },
    clock,
    maxAgeMs,
  });
  return {
    ...{ clock, names, readAt, fresh },
    /** Lets begin what was asked for, and time go on. */
    pass: async (ms: number): Promise<void> => {
      await nextTurn();
      await clock.advance(ms);
    },
    /** The answer; 'not yet' where there will be one only after the next `prepare`. */
    ask: (question: number): string | undefined => {
      const before = fresh.misses;
      const answer = fresh.find(question, (known) => known.get(question));
      return fresh.misses === before ? answer : 'not yet';
    },
  };
}

test('nothing is read before somebody prepares, and nothing is known before that', async () => {
  const { fresh, names, ask, readAt } = table();
  names.set(1, 'one');
  expect(ask(1)).toBe('not yet');
  expect(readAt).toEqual([]);
  await fresh.prepare();
  expect(ask(1)).toBe('one');
  expect(fresh.prepare()).toBeUndefined();
});

test('what is not there is looked for once, and then it is an answer', async () => {
  const { fresh, names, ask, readAt } = table();
  await fresh.prepare();
  names.set(2, 'two');
  expect([ask(1), ask(2), ask(1)]).toEqual(['not yet', 'not yet', 'not yet']);
  await fresh.prepare();
  expect([ask(1), ask(2)]).toEqual([undefined, 'two']);
  expect(fresh.prepare()).toBeUndefined();
  expect(readAt).toHaveLength(2);
});

test('a table is read anew when it is old, and finds what was not there', async () => {
  const { pass, fresh, names, ask } = table();
  await fresh.prepare();
  ask(1);
  await fresh.prepare();
  names.set(1, 'one');
  await pass(9999);
  expect(fresh.prepare()).toBeUndefined();
  expect(ask(1)).toBeUndefined();
  await pass(1);
  await fresh.prepare();
  expect(ask(1)).toBe('one');
});

test('while it is read again, the old answers stand', async () => {
  const { pass, fresh, names, ask } = table({ tookMs: 5 });
  const first = fresh.prepare();
  await pass(5);
  await first;
  names.set(1, 'one');
  ask(1);
  const second = fresh.prepare();
  await pass(50);
  names.set(2, 'two');
  expect(ask(2)).toBe('not yet');
  await pass(5);
  await second;
  expect(ask(1)).toBe('one');
});

test('what is asked while it is read waits for the next reading, since this one may have passed by', async () => {
  const { pass, fresh, names, ask, readAt } = table({ tookMs: 10 });
  const first = fresh.prepare();
  await pass(5);
  names.set(1, 'one');
  expect(ask(1)).toBe('not yet');
  const both = fresh.prepare();
  await pass(5);
  await first;
  expect(ask(1)).toBe('not yet');
  await pass(200);
  await both;
  expect(ask(1)).toBe('one');
  expect(readAt).toHaveLength(2);
});

test('whoever prepares at the same time shares a reading, and none is ready before it is over', async () => {
  const { fresh, names, ask, readAt } = table();
  await Promise.all([fresh.prepare(), fresh.prepare(), fresh.prepare()]);
  expect(readAt).toHaveLength(1);
  names.set(1, 'one');
  ask(1);
  const answers = [fresh.prepare(), fresh.prepare()].map((ready) => ready?.then(() => ask(1)));
  expect(await Promise.all(answers)).toEqual(['one', 'one']);
  expect(readAt).toHaveLength(2);
});

test.each([
  { tookMs: 20, restMs: 200 },
  { tookMs: 500, restMs: 1000 },
])('between two readings of $tookMs ms lie $restMs ms, however much is asked', async ({ tookMs, restMs }) => {
  const { pass, fresh, ask, readAt } = table({ tookMs });
  for (let question = 0; question < 3; question++) {
    ask(question);
    const ready = fresh.prepare();
    await pass(tookMs + restMs);
    await ready;
  }
  expect(readAt).toEqual([0, tookMs + restMs, 2 * (tookMs + restMs)]);
});

test('questions that nobody asks any more are forgotten', async () => {
  const { pass, fresh, ask, readAt } = table();
  await fresh.prepare();
  ask(1);
  ask(2);
  await fresh.prepare();
  await pass(599_000);
  expect(ask(2)).toBeUndefined();
  await pass(1000);
  await fresh.prepare();
  expect([ask(1), ask(2)]).toEqual(['not yet', undefined]);
  expect(readAt).toHaveLength(3);
});

test('with very many unknown ones, further ones are not looked for', async () => {
  const { fresh, ask, readAt } = table();
  await fresh.prepare();
  for (let question = 0; question < maxAbsent; question++) ask(question);
  await fresh.prepare();
  expect(ask(maxAbsent)).toBeUndefined();
  expect(ask(maxAbsent - 1)).toBeUndefined();
  expect(fresh.prepare()).toBeUndefined();
  expect(readAt).toHaveLength(2);
});
