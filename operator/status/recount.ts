import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { OperatorMetrics } from '../metrics.ts';
import type { Tally } from './tally.ts';

/** How often the counters are checked against what they count (design: operator.md "Status"). */
export const recountEveryMs = 10 * 60_000;

export interface RecountDeps {
  readonly tally: Tally;
  readonly clock: Clock;
  readonly metrics: OperatorMetrics;
  readonly logger: Logger;
  readonly changed: (refs: readonly string[]) => void;
}

/** Checks the counters again and again, until the signal aborts. */
export async function recountForever(deps: RecountDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await deps.clock.sleep(recountEveryMs, signal);
    } catch {
      return; // only the signal ends a sleep
    }
    await recount(deps);
  }
}

/** One BPF at a time, with a turn of the event loop between: each goes over every node. */
export async function recount({ tally, metrics, logger, changed }: RecountDeps): Promise<void> {
  for (const ref of [...tally.refs()]) {
    if (!tally.recount(ref)) {
      metrics.recountMismatches.inc();
      logger.error({ bpf: ref }, 'counters were wrong and have been counted anew');
      changed([ref]);
    }
    await nextTurn();
  }
}
