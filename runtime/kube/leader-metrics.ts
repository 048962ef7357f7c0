import { Gauge, type Registry } from 'prom-client';

/** Named as client-go names it. */
export function leaderGauge(registry: Registry): Gauge<'name'> {
  return new Gauge({
    name: 'leader_election_master_status',
    help: '1 while this process holds the lease.',
    labelNames: ['name'],
    registers: [registry],
  });
}
