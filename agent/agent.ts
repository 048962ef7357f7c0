import { readFileSync } from 'node:fs';
import { Registry } from 'prom-client';
import type { Clock } from '../runtime/clock.ts';
import { CodedError } from '../runtime/errors.ts';
import { parseListenAddress, sendText, startHttpServer } from '../runtime/http.ts';
import type { Lifecycle } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/logger.ts';
import { instanceOf } from './cleanup.ts';
import type { AgentConfig } from './config.ts';
import { Instance } from './instance.ts';
import { attach, slotOf } from './kernel/attach.ts';
import { Pins } from './kernel/pins.ts';
import { preflight } from './kernel/preflight.ts';
import type { Libbpf } from './libbpf/binding.ts';
import { Exporter } from './metrics/exposition.ts';
import { metricsHandler } from './metrics/handler.ts';
import { OwnMetrics } from './metrics/own.ts';
import { readHost } from './programs/failure.ts';
import { Journal } from './programs/journal.ts';
import { load } from './programs/load.ts';
import { Reconciler } from './programs/reconcile.ts';
import type { MetricsSink } from './programs/running.ts';
import { openSource } from './source/open-source.ts';
import type { ProgramReport, Wishes } from './source/source.ts';
import { agentVersion } from './version.ts';

export interface AgentDeps {
  readonly config: AgentConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly lib: Libbpf;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly lifecycle: Lifecycle;
  /** Awaited between a verified load and the swap: a test holds it there. */
  readonly beforeSwap?: (ref: string) => Promise<void>;
}

/** Kinds of lost continuity and missing kernel parts are told once, at the start; everything after is the reconciler's. */
export async function startAgent(deps: AgentDeps): Promise<{ readonly url: string }> {
  const { config, lib, logger, clock, lifecycle } = deps;

  // This machine: whose pins and state are ours, and what the kernel can do.
  const instance = new Instance(lib, config.stateDir, instanceOf(config));
  lifecycle.onStop('release the instance', () => instance[Symbol.dispose]());
  const kernel = preflight(lib);
  for (const warning of kernel.warnings) logger.warn(warning);
  if (kernel.obstacle !== undefined) logger.error({ reason: kernel.obstacle.reason }, kernel.obstacle.message);
  const pins = openPins(config.bpffs, instance.name, logger);
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const journal = new Journal(instance.folder, bootId, agentVersion);

  // Where wishes come from, and where metrics go.
  const kubernetes = config.manifests === undefined;
  const registry = new Registry();
  const own = new OwnMetrics(registry, { node: config.nodeName, version: agentVersion, kubernetes });
  const exporter = new Exporter({ node: config.nodeName, observer: own, ownText: own.text });
  const source = await openSource({
    config,
    env: deps.env,
    clock,
    logger,
    registry,
    folder: instance.folder,
    agent: { version: agentVersion, libbpf: lib.version },
    kernel,
    onConnected: (connected) => own.setApiserverConnected(connected),
  });

  // Wanted against loaded.
  const host = readHost();
  let wishes: Wishes | undefined;
  let settled = false;
  const reconciler = new Reconciler({
    load: (wish, signal) => load({ lib, host, journal, pins }, wish, signal),
    host,
    pins,
    attacher: { attach: (program) => attach(lib, program), slotOf },
    metrics: sinkOf(exporter),
    observer: own,
    clock,
    logger,
    ...(deps.beforeSwap !== undefined && { beforeSwap: deps.beforeSwap }),
    onReport: (reports) => {
      settled ||= reports.every(({ state }) => state !== 'Pending');
      own.setPrograms([...reports, ...unwelcome(wishes)]);
      source.report(reports);
    },
  });

  // Served before anything is loaded: a slow verifier must not look like a dead agent.
  const listen = parseListenAddress(config.listen);
  if (listen === undefined) throw new CodedError('BadListenAddress', `listen ${config.listen}: not HOST:PORT`, {});
  const server = await startHttpServer({
    listen,
    logger,
    routes: {
      '/metrics': metricsHandler(exporter),
      '/healthz': (_, response) => sendText(response, 200, 'ok\n'),
      '/readyz': (_, response) => sendText(response, settled ? 200 : 503, settled ? 'ok\n' : 'first sync under way\n'),
    },
  });
  lifecycle.onStop('close the HTTP server', (signal) => server.close(signal));

  const reconciling = reconciler.run(lifecycle.signal);
  const following = source.run(lifecycle.signal, (next) => {
    wishes = next;
    reconciler.apply(next);
  });
  for (const work of [reconciling, following]) work.catch((thrown: unknown) => lifecycle.fail(thrown));
  lifecycle.onStop('detach and unload', () => reconciling);
  lifecycle.onStop('flush the status', (signal) => source.flush(signal));
  lifecycle.onStop('end the source', () => following);
  logger.info({ url: server.url, instance: instance.name, libbpf: lib.version, kernel: kernel.release }, 'listening');
  return { url: server.url };
}

function openPins(bpffs: string, instance: string, logger: Logger): Pins | undefined {
  const pins = new Pins(bpffs, instance);
  const obstacle = pins.obstacle();
  if (obstacle === undefined) return pins;
  logger.warn(`maps are not pinned, so counters start at zero with each agent: ${obstacle}`);
  return undefined;
}

/** The metrics side, as the reconciler talks to it. */
function sinkOf(exporter: Exporter): MetricsSink {
  return {
    add: ({ wish, plan, object }) => {
      const { ref, namespace, name, createdAt } = wish;
      exporter.add({ ref, namespace, name, createdAt, plan, maps: object.maps });
    },
    remove: (ref) => exporter.remove(ref),
    conflict: (ref) => {
      const conflicts = exporter.conflicts(ref);
      if (conflicts.length === 0) return undefined;
      const told = conflicts.map(({ family, keptBy }) => `${family} is exported by ${keptBy} with another type`);
      return `${told.join('; ')} [rename the map, or declare the metrics]`;
    },
  };
}

/** What the source could make nothing of counts as failed, whatever of it runs on from before. */
function unwelcome(wishes: Wishes | undefined): ProgramReport[] {
  const rejected = (wishes?.rejected ?? []).map(({ ref, reason, message }) => ({ ref, reason, message }));
  const nameless = Array.from({ length: wishes?.problems ?? 0 }, () => ({ ref: '' }));
  return [...rejected, ...nameless].map((view) => ({ ...view, revision: '', state: 'Failed' }));
}
