import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { operatorFieldManager } from '../crds/names.ts';
import type { Clock } from '../runtime/clock.ts';
import { CodedError } from '../runtime/errors.ts';
import { sendText, startHttpServer } from '../runtime/http.ts';
import { KubeClient } from '../runtime/kube/client.ts';
import type { KubeConnection } from '../runtime/kube/connection.ts';
import { EventRecorder } from '../runtime/kube/events.ts';
import { LeaderElector } from '../runtime/kube/leader-elector.ts';
import { leaderGauge } from '../runtime/kube/leader-metrics.ts';
import { Transport } from '../runtime/kube/transport.ts';
import type { Lifecycle } from '../runtime/lifecycle.ts';
import { parseListenAddress } from '../runtime/listen-address.ts';
import type { Logger } from '../runtime/logger.ts';
import { startWatchdog } from '../runtime/watchdog.ts';
import type { OperatorConfig } from './config.ts';
import { OperatorMetrics } from './metrics.ts';
import { Operator } from './operator.ts';
import { uninstall } from './uninstall.ts';
import { operatorVersion } from './version.ts';

/** The Lease that says who works. */
export const leaseName = 'kube-bpf-operator';

/** Watches (nine, and three more for each namespace of --watch-namespaces) and the requests of all workers beside them. */
const connectionsBesideNamespaces = 32;
const connectionsPerNamespace = 3;

export interface StartDeps {
  readonly config: OperatorConfig;
  readonly connection: KubeConnection;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
}

/** There is no namespace to keep things in. */
export class NoNamespaceError extends CodedError<'NoNamespace', object> {}

/** Starts one process of the operator; the lifecycle ends it. Resolves once it serves. */
export async function startOperator({ config, connection, clock, logger, lifecycle }: StartDeps): Promise<void> {
  const namespace = config.namespace ?? connection.namespace;
  if (namespace === undefined) {
    throw new NoNamespaceError('NoNamespace', 'start operator: no namespace [set --namespace]', {});
  }
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  // A Pod's host name is its own name.
  const podName = config.podName ?? (config.kubeconfig === undefined ? hostname() : undefined);
  const instance = podName ?? hostname();

  // one transport, and two clients on it: what a leader writes is fenced by the Lease, the Lease itself is not
  const transport = new Transport({
    connection,
    clock,
    logger,
    registry,
    userAgent: `kube-bpf-operator/${operatorVersion} (${process.platform}/${process.arch})`,
    maxConnections: connectionsBesideNamespaces + config.watchNamespaces.length * connectionsPerNamespace,
  });
  lifecycle.onStop('API server connection', () => transport.close());
  const leaseClient = new KubeClient({ transport, fieldManager: operatorFieldManager });
  const elector = new LeaderElector({
    client: leaseClient,
    namespace,
    name: leaseName,
    identity: `${instance}_${randomUUID()}`,
    clock,
    logger,
    gauge: leaderGauge(registry),
    watchdog: (limitMs) => startWatchdog({ limitMs, message: 'bpf-operator: event loop stood still; ending' }),
  });
  const fence = config.leaderElect ? { fence: () => elector.assertLeading() } : {};
  const client = new KubeClient({ transport, fieldManager: operatorFieldManager, ...fence });

  if (config.uninstall) {
    const run = uninstall({ client: leaseClient, namespace, instance, clock, logger, leaseName }, lifecycle.signal);
    finish(
      lifecycle,
      run.then(() => 'uninstalled'),
    );
    return;
  }

  const events = new EventRecorder({
    client,
    reporter: { controller: 'bpf.sh/operator', instance },
    clock,
    logger,
    registry,
  });
  lifecycle.onStop('events', (signal) => events.stop(signal));
  const operator = new Operator({
    client,
    events,
    clock,
    logger,
    registry,
    metrics: new OperatorMetrics(registry),
    namespace,
    watchNamespaces: config.watchNamespaces,
    agentTemplate: config.agents === 'daemonset' ? config.agentTemplate : undefined,
    pod: podName === undefined ? undefined : { namespace, name: podName },
  });

  const standby = () => config.leaderElect && !elector.leading;
  const server = await startHttpServer({
    listen: parseListenAddress(config.listen) ?? { host: '0.0.0.0', port: 0 },
    logger,
    routes: {
      '/metrics': async (_request, response) => sendText(response, 200, await registry.metrics(), registry.contentType),
      '/healthz': (_request, response) => sendText(response, 200, 'ok\n'),
      '/readyz': (_request, response) => {
        if (standby()) sendText(response, 200, 'ok: another one leads\n');
        else if (operator.synced) sendText(response, 200, 'ok\n');
        else sendText(response, 503, 'not all that is watched has been read yet\n');
      },
    },
  });
  lifecycle.onStop('HTTP server', (signal) => server.close(signal));
  logger.info({ url: server.url, version: operatorVersion, namespace }, 'serving');

  const lead = (signal: AbortSignal) => operator.run(signal);
  const run = config.leaderElect ? elector.run(lifecycle.signal, lead) : lead(lifecycle.signal).then(() => 'stopped');
  lifecycle.onStop('operator', async () => void (await run.catch(() => undefined))); // a failure has been told already
  finish(lifecycle, run);
}

/** The process ends with its work, in whatever way that ends. */
function finish(lifecycle: Lifecycle, run: Promise<string>): void {
  run.then(
    (end) => {
      if (end === 'lost') lifecycle.fail(new Error('lease lost'));
      else lifecycle.stop(end);
    },
    (error: unknown) => {
      if (!lifecycle.signal.aborted) lifecycle.fail(error);
    },
  );
}
