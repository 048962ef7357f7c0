import { Pace } from '../../../../operator/status/pace.ts';
import { ManualClock } from '../../../fakes/manual-clock.ts';

/** Asks as the status writer does: again after each wait. When the writes happen, in milliseconds. */
async function writes(clock: ManualClock, pace: Pace, key: string, count: number): Promise<number[]> {
  const times: number[] = [];
  while (times.length < count) {
    const delayMs = pace.take(key);
    if (delayMs === 0) times.push(Math.round(clock.monotonic()));
    else await clock.advance(delayMs);
  }
  return times;
}

test('of one BPF: a few at once, then every 2 s', async () => {
  const clock = new ManualClock();
  expect(await writes(clock, new Pace(clock), 'a/b', 9)).toEqual([0, 0, 0, 0, 0, 0, 2000, 4000, 6000]);
});

test('after a quiet time at once again', async () => {
  const clock = new ManualClock();
  const pace = new Pace(clock);
  await writes(clock, pace, 'a/b', 7);
  await clock.advance(2000);
  expect(await writes(clock, pace, 'a/b', 2)).toEqual([4000, 6000]);
});

test('of all BPFs: twenty a second', async () => {
  const clock = new ManualClock();
  const pace = new Pace(clock);
  const due = new Map(Array.from({ length: 65 }, (_, i) => [`a/${i}`, 0]));
  let written = 0;
  for (let ms = 0; ms <= 3000; ms += 10) {
    for (const [key, at] of due) {
      if (at > ms) continue;
      const delayMs = pace.take(key);
      if (delayMs > 0) due.set(key, ms + delayMs);
      else if (due.delete(key)) written++;
    }
    if (ms === 0) expect(written).toBe(20);
    if (ms === 1000) expect(written).toBeGreaterThanOrEqual(39);
    if (ms === 1000) expect(written).toBeLessThanOrEqual(40);
    await clock.advance(10);
  }
  expect(written).toBe(65);
});

test('a BPF that is forgotten starts anew', async () => {
  const clock = new ManualClock();
  const pace = new Pace(clock);
  await writes(clock, pace, 'a/b', 6);
  expect(pace.take('a/b')).toBeGreaterThan(0);
  pace.forget('a/b');
  expect(pace.take('a/b')).toBe(0);
});
