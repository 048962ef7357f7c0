import { hostname } from 'node:os';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Clock } from '../runtime/clock.ts';
import { CodedError } from '../runtime/errors.ts';
import { startHttpServer } from '../runtime/http.ts';
import type { KubeConnection } from '../runtime/kube/connection.ts';
import { EventRecorder } from '../runtime/kube/events.ts';
import type { Lifecycle } from '../runtime/lifecycle.ts';
import { parseListenAddress } from '../runtime/listen-address.ts';
import type { Logger } from '../runtime/logger.ts';
import { leaseName, makeClients } from './clients.ts';
import type { OperatorConfig } from './config.ts';
import { routesOf } from './health.ts';
import { OperatorMetrics } from './metrics.ts';
import { Operator } from './operator.ts';
import { uninstall } from './uninstall.ts';
import { operatorVersion } from './version.ts';

export interface StartDeps {
  readonly config: OperatorConfig;
  readonly connection: KubeConnection;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
}

/** Why the operator does not start, or go on. */
export class OperatorError extends CodedError<'NoNamespace' | 'BadListenAddress' | 'LeaseLost', object> {}

/** Starts one process of the operator; the lifecycle ends it. Resolves once it serves. */
export async function startOperator({ config, connection, clock, logger, lifecycle }: StartDeps): Promise<void> {
  const namespace = config.namespace ?? connection.namespace;
  if (namespace === undefined) {
    throw new OperatorError('NoNamespace', 'start operator: no namespace to keep things in [set --namespace]', {});
  }
  // A Pod's host name is its own name.
  const podName = config.podName ?? (config.kubeconfig === undefined ? hostname() : undefined);
  const instance = podName ?? hostname();
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const { transport, client, unfenced, elector } = makeClients({
    ...{ config, connection, namespace, instance, clock, logger, registry },
  });
  lifecycle.onStop('API server connection', () => transport.close());

  if (config.uninstall) {
    const run = uninstall({ client: unfenced, namespace, instance, clock, logger, leaseName }, lifecycle.signal);
    finish(
      lifecycle,
      run.then(() => 'uninstalled'),
    );
    return;
  }

  const reporter = { controller: 'bpf.sh/operator', instance };
  const events = new EventRecorder({ client: unfenced, reporter, clock, logger, registry });
  lifecycle.onStop('events', (signal) => events.stop(signal));
  const operator = new Operator({
    ...{ client, events, clock, logger, registry, namespace },
    metrics: new OperatorMetrics(registry),
    watchNamespaces: config.watchNamespaces,
    agentTemplate: config.agents === 'daemonset' ? config.agentTemplate : undefined,
    pod: podName === undefined ? undefined : { namespace, name: podName },
  });

  const listen = parseListenAddress(config.listen);
  if (listen === undefined) throw new OperatorError('BadListenAddress', `listen on ${config.listen}: no address`, {});
  const standby = () => config.leaderElect && !elector.leading;
  const server = await startHttpServer({
    listen,
    logger,
    routes: routesOf(registry, { standby, synced: () => operator.synced }),
  });
  lifecycle.onStop('HTTP server', (signal) => server.close(signal));
  logger.info({ url: server.url, version: operatorVersion, namespace }, 'serving');

  const lead = (signal: AbortSignal) => operator.run(signal);
  const run = config.leaderElect ? elector.run(lifecycle.signal, lead) : lead(lifecycle.signal).then(() => 'stopped');
  lifecycle.onStop('operator', async () => {
    await run.catch(() => undefined); // told by `finish`
  });
  finish(lifecycle, run);
}

/** The process ends with its work, in whatever way that ends. */
function finish(lifecycle: Lifecycle, run: Promise<string>): void {
  run.then(
    (end) => {
      if (end === 'lost')
        lifecycle.fail(new OperatorError('LeaseLost', 'lease lost: another operator may be leading', {}));
      else lifecycle.stop(end);
    },
    (error: unknown) => {
      if (!lifecycle.signal.aborted) lifecycle.fail(error);
    },
  );
}
