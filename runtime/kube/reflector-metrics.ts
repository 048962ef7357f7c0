import { Counter, Gauge, type Registry } from 'prom-client';

/** Metrics of all reflectors of a process, by label `resource`. */
export class ReflectorMetrics {
  readonly lists: Counter<'resource'>;
  readonly watches: Counter<'resource'>;
  readonly failures: Counter<'resource'>;
  readonly events: Counter<'resource'>;
  readonly staleEvents: Counter<'resource'>;
  readonly objects: Gauge<'resource'>;

  constructor(registry: Registry) {
    const labelNames = ['resource'] as const;
    const counter = (name: string, help: string) => new Counter({ name, help, labelNames, registers: [registry] });
    this.lists = counter('reflector_lists_total', 'Lists of the collection, complete or not.');
    this.watches = counter('reflector_watches_total', 'Watches that were asked for.');
    this.failures = counter('reflector_failures_total', 'Lists and watches that ended with an error.');
    this.events = counter('reflector_events_total', 'Changes that came by watch.');
    this.staleEvents = counter('reflector_stale_events_total', 'Changes by watch that were older than what was held.');
    this.objects = new Gauge({
      name: 'reflector_objects',
      help: 'Objects held.',
      labelNames,
      registers: [registry],
    });
  }

  /** The metrics of one resource, born at zero. */
  for(resource: string): BoundReflectorMetrics {
    const labels = { resource };
    const { lists, watches, failures, events, staleEvents, objects } = this;
    for (const counter of [lists, watches, failures, events, staleEvents]) counter.inc(labels, 0);
    objects.inc(labels, 0);
    return {
      list: () => lists.inc(labels),
      watch: () => watches.inc(labels),
      failure: () => failures.inc(labels),
      event: () => events.inc(labels),
      staleEvent: () => staleEvents.inc(labels),
      objects: (difference) => objects.inc(labels, difference),
    };
  }
}

export interface BoundReflectorMetrics {
  list(): void;
  watch(): void;
  failure(): void;
  event(): void;
  staleEvent(): void;
  /** Several reflectors may share a resource (one per namespace), so each adds what it has more. */
  objects(difference: number): void;
}
