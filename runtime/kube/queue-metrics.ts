import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Metrics of all queues of a process, by label `name`; named as client-go names its own. */
export class QueueMetrics {
  readonly depth: Gauge<'name'>;
  readonly adds: Counter<'name'>;
  readonly retries: Counter<'name'>;
  readonly refused: Counter<'name'>;
  readonly waited: Histogram<'name'>;
  readonly worked: Histogram<'name'>;

  constructor(registry: Registry) {
    const labelNames = ['name'] as const;
    const common = { labelNames, registers: [registry] };
    const buckets = [0.001, 0.01, 0.1, 1, 10, 60];
    this.depth = new Gauge({ name: 'workqueue_depth', help: 'Keys ready to be worked on.', ...common });
    this.adds = new Counter({ name: 'workqueue_adds_total', help: 'Keys that became ready.', ...common });
    this.retries = new Counter({
      name: 'workqueue_retries_total',
      help: 'Keys added again after a failure.',
      ...common,
    });
    this.refused = new Counter({
      name: 'workqueue_refused_total',
      help: 'Keys refused because the queue was full.',
      ...common,
    });
    this.waited = new Histogram({
      name: 'workqueue_queue_duration_seconds',
      help: 'Time from ready to taken.',
      buckets,
      ...common,
    });
    this.worked = new Histogram({
      name: 'workqueue_work_duration_seconds',
      help: 'Time from taken to done.',
      buckets,
      ...common,
    });
  }

  /** The metrics of one queue, born at zero. */
  for(name: string): BoundQueueMetrics {
    const labels = { name };
    for (const counter of [this.adds, this.retries, this.refused]) counter.inc(labels, 0);
    this.depth.set(labels, 0);
    this.waited.zero(labels);
    this.worked.zero(labels);
    return {
      depth: (depth) => this.depth.set(labels, depth),
      add: () => this.adds.inc(labels),
      retry: () => this.retries.inc(labels),
      refused: () => this.refused.inc(labels),
      waited: (durationMs) => this.waited.observe(labels, durationMs / 1000),
      worked: (durationMs) => this.worked.observe(labels, durationMs / 1000),
    };
  }
}

export interface BoundQueueMetrics {
  depth(depth: number): void;
  add(): void;
  retry(): void;
  refused(): void;
  waited(durationMs: number): void;
  worked(durationMs: number): void;
}
