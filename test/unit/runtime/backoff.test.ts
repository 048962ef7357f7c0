import { Backoff } from '../../../runtime/backoff.ts';

const limits = { minMs: 500, maxMs: 60_000 };

describe('Backoff', () => {
  test.each([
    ['shortest', 0, [500, 500, 500]],
    ['longest', 1, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]],
    ['middle', 0.5, [750, 1_250, 2_250]],
  ])('%s', (_, random, waits) => {
    const backoff = new Backoff(limits, () => random);
    expect(waits.map(() => backoff.nextMs())).toEqual(waits);
  });

  test('reset starts anew, and a thousand failures are still a number', () => {
    const backoff = new Backoff(limits, () => 1);
    for (let failure = 0; failure < 1_000; failure++) expect(backoff.nextMs()).toBeLessThanOrEqual(60_000);
    backoff.reset();
    expect(backoff.nextMs()).toBe(1_000);
  });
});
