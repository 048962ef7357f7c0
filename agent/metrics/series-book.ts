import type { MetricPlan, TablePlan } from '../../bpf/metrics/plan.ts';
import { SeriesLedger, SeriesLimit } from './series-ledger.ts';

/** What is remembered of a BPF's series, where its plan limits them: a ledger for each table, one limit for all. */
export class SeriesBook {
  readonly #limit: SeriesLimit;
  readonly #expireAfterMs: number;
  readonly #ledgers = new Map<TablePlan, SeriesLedger>();
  /** The limit, where the last render left series out for it. */
  limited: number | undefined;

  constructor({ maxSeries = Infinity, expireAfterMs = Infinity }: Pick<MetricPlan, 'maxSeries' | 'expireAfterMs'>) {
    this.#limit = new SeriesLimit(maxSeries);
    this.#expireAfterMs = expireAfterMs;
  }

  ledgerOf(table: TablePlan): SeriesLedger {
    const ledger = this.#ledgers.get(table) ?? new SeriesLedger(this.#limit, this.#expireAfterMs);
    this.#ledgers.set(table, ledger);
    return ledger;
  }

  /** After a render of the BPF: how many series it left out. */
  settle(): number {
    const dropped = this.#limit.takeDropped();
    this.limited = dropped > 0 ? this.#limit.max : undefined;
    return dropped;
  }
}
