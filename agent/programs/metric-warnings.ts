import type { Logger } from '../../runtime/logger.ts';
import type { MetricsSink } from './running.ts';

/**
 * Logs what the metrics of a BPF lack, in both modes: once when that begins, once when it ends. Reports say the same, but
 * in directory mode nobody is told of them.
 */
export class MetricWarnings {
  readonly #metrics: Pick<MetricsSink, 'conflict' | 'limited'>;
  readonly #logger: Logger;
  /** What was logged and still holds, by BPF, reason and message. */
  #holding: ReadonlyMap<string, Warning> = new Map();

  constructor(metrics: Pick<MetricsSink, 'conflict' | 'limited'>, logger: Logger) {
    this.#metrics = metrics;
    this.#logger = logger;
  }

  /** `refs` is every BPF that runs. */
  update(refs: Iterable<string>): void {
    const now = new Map(Array.from(refs).flatMap((bpf) => this.#warningsOf(bpf)));
    for (const [key, { facts, message }] of now) if (!this.#holding.has(key)) this.#logger.warn(facts, message);
    for (const [key, { facts, message }] of this.#holding) {
      if (!now.has(key)) this.#logger.info(facts, `no longer so: ${message}`);
    }
    this.#holding = now;
  }

  #warningsOf(bpf: string): [string, Warning][] {
    const told = { MetricConflict: this.#metrics.conflict(bpf), SeriesLimited: this.#metrics.limited(bpf) };
    return Object.entries(told).flatMap(([reason, message]) =>
      message === undefined ? [] : [[`${bpf} ${reason} ${message}`, { facts: { bpf, reason }, message }]],
    );
  }
}

interface Warning {
  readonly facts: { readonly bpf: string; readonly reason: string };
  readonly message: string;
}
