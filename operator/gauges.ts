import { Gauge, type Registry } from 'prom-client';
import type { NodeState } from './nodes/node-state.ts';
import type { Caches } from './watch/caches.ts';

export interface Gauged {
  readonly caches: Pick<Caches, 'bpfs' | 'payloads'>;
  readonly nodes: () => Iterable<NodeState>;
}

/** What there is, counted when somebody looks. */
export function registerGauges(registry: Registry, { caches, nodes }: Gauged): void {
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  gauge('bpf_operator_bpfs', 'BPFs there are.', () => caches.bpfs.size);
  gauge('bpf_operator_bpfs_degraded', 'BPFs whose phase is Degraded.', () =>
    count(caches.bpfs.list(), ({ status }) => status?.phase === 'Degraded'),
  );
  gauge('bpf_operator_payloads', 'Pinned objects there are.', () => caches.payloads.size);
  gauge('bpf_operator_nodes', 'Nodes that are counted.', () => count(nodes(), () => true));
  gauge('bpf_operator_nodes_unknown', 'Nodes that are not ready, or whose agent is not, for a minute.', () =>
    count(nodes(), ({ health }) => health === 'unknown'),
  );
}

function count<T>(items: Iterable<T>, holds: (item: T) => boolean): number {
  let sum = 0;
  for (const item of items) if (holds(item)) sum += 1;
  return sum;
}
