import { systemClock } from '../runtime/clock.ts';
import { parseConfig, usageExitCode } from '../runtime/config.ts';
import { ConnectionError, type KubeConnection } from '../runtime/kube/connection.ts';
import { inClusterConnection } from '../runtime/kube/in-cluster.ts';
import { kubeconfigConnection } from '../runtime/kube/kubeconfig.ts';
import { Lifecycle } from '../runtime/lifecycle.ts';
import { createLogger } from '../runtime/logger.ts';
import { type OperatorConfig, operatorConfig } from './config.ts';
import { startOperator } from './start.ts';

/** From SIGTERM to exit: reconciles that run end, Events and the Lease are written. */
const stopLimitMs = 15_000;

const result = parseConfig(operatorConfig, { argv: process.argv.slice(2), env: process.env });
switch (result.type) {
  case 'help':
    process.stdout.write(result.text);
    break;
  case 'faults':
    for (const fault of result.faults) process.stderr.write(`bpf-operator: ${fault}\n`);
    process.stderr.write('bpf-operator: see --help\n');
    process.exitCode = usageExitCode;
    break;
  case 'value':
    process.exit(await main(result.value));
}

async function main(config: OperatorConfig): Promise<number> {
  const logger = createLogger({ name: 'bpf-operator', level: config.logLevel });
  const clock = systemClock;
  const lifecycle = new Lifecycle({ logger, clock, stopLimitMs });
  try {
    await startOperator({ config, connection: await connect(config), clock, logger, lifecycle });
  } catch (error) {
    lifecycle.fail(error);
  }
  return await lifecycle.run();
}

async function connect({ kubeconfig }: OperatorConfig): Promise<KubeConnection> {
  if (kubeconfig !== undefined) return await kubeconfigConnection({ file: kubeconfig, clock: systemClock });
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  if (host === undefined || port === undefined) {
    const message = 'find the API server: not in a Pod, and no kubeconfig [set --kubeconfig]';
    throw new ConnectionError('CredentialsUnavailable', message, { source: 'KUBERNETES_SERVICE_HOST' });
  }
  return await inClusterConnection({ host, port, clock: systemClock });
}
