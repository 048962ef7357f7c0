import { randomUUID } from 'node:crypto';
import type { Registry } from 'prom-client';
import { operatorFieldManager } from '../crds/names.ts';
import type { Clock } from '../runtime/clock.ts';
import { KubeClient } from '../runtime/kube/client.ts';
import type { KubeConnection } from '../runtime/kube/connection.ts';
import { LeaderElector } from '../runtime/kube/leader-elector.ts';
import { leaderGauge } from '../runtime/kube/leader-metrics.ts';
import { Transport } from '../runtime/kube/transport.ts';
import type { Logger } from '../runtime/logger.ts';
import { startWatchdog } from '../runtime/watchdog.ts';
import type { OperatorConfig } from './config.ts';
import { operatorVersion } from './version.ts';

/** The Lease that says who works. */
export const leaseName = 'kube-bpf-operator';

/** Nine watches, and three more for each namespace of --watch-namespaces; the rest is for the workers' requests. */
const connectionsBesideNamespaces = 32;
const connectionsPerNamespace = 3;

export interface ClientsOptions {
  readonly config: OperatorConfig;
  readonly connection: KubeConnection;
  readonly namespace: string;
  /** This process, for people. */
  readonly instance: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
}

export interface Clients {
  readonly transport: Transport;
  /** What a leader writes is fenced by the Lease. */
  readonly client: KubeClient;
  /** The Lease itself is not, nor are Events, of which the last are written when it has been given back. */
  readonly unfenced: KubeClient;
  readonly elector: LeaderElector;
}

/** One transport, and two clients on it. */
export function makeClients(options: ClientsOptions): Clients {
  const { config, connection, namespace, instance, clock, logger, registry } = options;
  const fieldManager = operatorFieldManager;
  const transport = new Transport({
    connection,
    clock,
    logger,
    registry,
    userAgent: `kube-bpf-operator/${operatorVersion} (${process.platform}/${process.arch})`,
    maxConnections: connectionsBesideNamespaces + config.watchNamespaces.length * connectionsPerNamespace,
  });
  const unfenced = new KubeClient({ transport, fieldManager });
  const elector = new LeaderElector({
    client: unfenced,
    namespace,
    name: leaseName,
    identity: `${instance}_${randomUUID()}`,
    clock,
    logger,
    gauge: leaderGauge(registry),
    watchdog: (limitMs) => startWatchdog({ limitMs, message: 'bpf-operator: event loop stood still; ending' }),
  });
  const fence = config.leaderElect ? { fence: () => elector.assertLeading() } : {};
  return { transport, client: new KubeClient({ transport, fieldManager, ...fence }), unfenced, elector };
}
