import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** Named as client-go names its own, so that dashboards made for controllers fit. */
export class TransportMetrics {
  readonly requests: Counter<'method' | 'code'>;
  readonly duration: Histogram<'method'>;
  readonly retries: Counter;
  readonly warnings: Counter;

  constructor(registry: Registry, connections: () => number) {
    const registers = [registry];
    this.requests = new Counter({
      name: 'rest_client_requests_total',
      help: 'Requests to the API server, by method and status code (<error>: no answer).',
      labelNames: ['method', 'code'],
      registers,
    });
    this.duration = new Histogram({
      name: 'rest_client_request_duration_seconds',
      help: 'Time from sending a request to the end of its answer, watches excepted.',
      labelNames: ['method'],
      buckets: [0.005, 0.025, 0.1, 0.5, 1, 2, 5, 15, 30],
      registers,
    });
    this.retries = new Counter({
      name: 'rest_client_retries_total',
      help: 'Requests that were sent again after a failure.',
      registers,
    });
    this.warnings = new Counter({
      name: 'rest_client_warnings_total',
      help: 'Warning headers in answers of the API server, such as unknown fields in what was sent.',
      registers,
    });
    new Gauge({
      name: 'rest_client_connections',
      help: 'Open connections to the API server.',
      registers,
      collect() {
        this.set(connections());
      },
    });
    for (const method of methods) {
      this.requests.inc({ method, code: '200' }, 0);
      this.requests.inc({ method, code: '<error>' }, 0);
      this.duration.zero({ method });
    }
  }
}
