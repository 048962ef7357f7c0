import { getEventListeners } from 'node:events';
import { systemClock } from '../../../runtime/clock.ts';
import { ManualClock } from '../../fakes/manual-clock.ts';

describe.each([
  ['the system clock', () => ({ clock: systemClock, pass: async () => {} })],
  [
    'the manual clock',
    () => {
      const clock = new ManualClock();
      return { clock, pass: () => clock.advance(20) };
    },
  ],
])('%s', (_, make) => {
  test('sleeps, and goes forward by as much', async () => {
    const { clock, pass } = make();
    const startMs = clock.monotonic();
    const { signal } = new AbortController();
    const sleep = clock.sleep(20, signal);
    await pass();
    await sleep;
    expect(clock.monotonic() - startMs).toBeGreaterThanOrEqual(19);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test('an aborted sleep ends with the reason', async () => {
    const { clock } = make();
    const reason = new Error('enough');
    const controller = new AbortController();
    const sleep = clock.sleep(60_000, controller.signal);
    controller.abort(reason);
    await expect(sleep).rejects.toBe(reason);
    await expect(clock.sleep(60_000, controller.signal)).rejects.toBe(reason);
  });

  test('a disposed timer does not fire', async () => {
    const { clock, pass } = make();
    let fired = 0;
    const timer = clock.timer(1, () => fired++);
    timer[Symbol.dispose]();
    const sleep = clock.sleep(20);
    await pass();
    await sleep;
    expect(fired).toBe(0);
  });
});

test('the manual clock fires in order, and what that starts too', async () => {
  const clock = new ManualClock(1_000);
  const fired: string[] = [];
  clock.timer(20, () => fired.push(`b at ${clock.monotonic()}`));
  clock.timer(10, () => {
    fired.push(`a at ${clock.monotonic()}`);
    clock.timer(5, () => fired.push(`c at ${clock.monotonic()}`));
  });
  await clock.advance(30);
  expect(fired).toEqual(['a at 10', 'c at 15', 'b at 20']);
  expect(clock.now()).toBe(1_030);
  clock.jumpWall(3_600_000);
  expect([clock.now(), clock.monotonic()]).toEqual([3_601_030, 30]);
});
