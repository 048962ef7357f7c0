import { setTimeout as realSleep } from 'node:timers/promises';

/**
 * Waits until the condition gives something truthy, and returns it: for what comes over a socket or from another
 * process. The limit only ends a test that would fail anyway.
 */
export async function eventually<T>(
  what: string,
  condition: () => T | Promise<T>,
  limitMs = 5_000,
): Promise<NonNullable<Awaited<T>>> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value) return value as NonNullable<Awaited<T>>;
    if (performance.now() > endMs) throw new Error(`never: ${what}`);
    await realSleep(pollMs);
  }
}

const pollMs = 2;
