import { setTimeout as delay } from 'node:timers/promises';

/**
 * Asks until the answer is neither undefined nor false nor an error, and gives it back. Throws after `deadlineMs`, with
 * the last error as cause.
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  { deadlineMs = 10_000, everyMs = 50 }: { deadlineMs?: number; everyMs?: number } = {},
): Promise<T> {
  const end = performance.now() + deadlineMs;
  let cause: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      cause = undefined;
    } catch (thrown) {
      cause = thrown;
    }
    if (performance.now() >= end) throw new Error(`wait for ${what}: not within ${deadlineMs} ms`, { cause });
    await delay(everyMs);
  }
}
