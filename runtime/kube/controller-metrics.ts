import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** How a reconcile ended. `conflict`: somebody else wrote first, tried again with what they wrote. */
export const outcomes = ['done', 'requeue', 'wait', 'stop', 'conflict', 'error', 'panic'] as const;
export type Outcome = (typeof outcomes)[number];

/** Metrics of all controllers of a process, by label `controller`. */
export class ControllerMetrics {
  readonly reconciles: Counter<'controller' | 'result'>;
  readonly duration: Histogram<'controller'>;
  readonly active: Gauge<'controller'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.reconciles = new Counter({
      name: 'controller_reconciles_total',
      help: 'Reconciles by how they ended: done, requeue, wait and stop as returned, conflict, error and panic as thrown.',
      labelNames: ['controller', 'result'],
      registers,
    });
    this.duration = new Histogram({
      name: 'controller_reconcile_seconds',
      help: 'Time of one reconcile.',
      labelNames: ['controller'],
      buckets: [0.001, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60],
      registers,
    });
    this.active = new Gauge({
      name: 'controller_active_workers',
      help: 'Reconciles running now.',
      labelNames: ['controller'],
      registers,
    });
  }

  /** The metrics of one controller, born at zero. */
  for(controller: string): BoundControllerMetrics {
    for (const result of outcomes) this.reconciles.inc({ controller, result }, 0);
    this.duration.zero({ controller });
    this.active.set({ controller }, 0);
    return {
      started: () => this.active.inc({ controller }),
      ended: (result, durationMs) => {
        this.active.dec({ controller });
        this.reconciles.inc({ controller, result });
        this.duration.observe({ controller }, durationMs / 1000);
      },
    };
  }
}

export interface BoundControllerMetrics {
  started(): void;
  ended(result: Outcome, durationMs: number): void;
}
