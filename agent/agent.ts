import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import type { Clock } from '../runtime/clock.ts';
import { messageOf } from '../runtime/errors.ts';
import { type HttpServer, parseListenAddress, sendText, startHttpServer } from '../runtime/http.ts';
import type { Lifecycle } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/logger.ts';
import { instanceOf } from './cleanup.ts';
import type { AgentConfig } from './config.ts';
import { Instance } from './instance.ts';
import { attach, slotOf } from './kernel/attach.ts';
import { type Host, readHost } from './kernel/host.ts';
import { Pins } from './kernel/pins.ts';
import { type Preflight, preflight } from './kernel/preflight.ts';
import { RunStatistics, statisticsRefused } from './kernel/run-statistics.ts';
import type { Libbpf } from './libbpf/binding.ts';
import { DecoderEnv } from './metrics/decoders/decoder-env.ts';
import { thisMachine } from './metrics/decoders/machine.ts';
import { makeDecoders } from './metrics/decoders/make-decoder.ts';
import { Exporter } from './metrics/exposition.ts';
import { metricsHandler } from './metrics/handler.ts';
import { OwnMetrics } from './metrics/own.ts';
import { ProgramRunMetrics } from './metrics/program-runs.ts';
import { Journal } from './programs/journal.ts';
import { LastGood } from './programs/last-good.ts';
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
}

/** Starts everything and resolves once the agent serves; what it opened is closed by the lifecycle, the last first. */
export async function startAgent(deps: AgentDeps): Promise<{ readonly url: string }> {
  const { config, lib, logger, clock, lifecycle } = deps;
  const machine = openMachine(deps);

  // Where wishes come from, and where metrics go.
  const registry = new Registry();
  const kubernetes = config.manifests === undefined;
  const own = new OwnMetrics(registry, { node: config.nodeName, version: agentVersion, kubernetes });
  const programRuns = openProgramRuns(deps);
  const names = new DecoderEnv(thisMachine(clock, (message) => logger.warn(message)));
  const exporter = new Exporter({
    node: config.nodeName,
    observer: own,
    ownText: async () => (await own.text()) + programRuns.text(),
    decoders: (specs, enums) => makeDecoders(specs, names, enums),
    onLimited: () => reconciler.recheck(),
  });
  const source = await openSource({
    config,
    env: deps.env,
    clock,
    logger,
    registry,
    folder: machine.instance.folder,
    agent: { version: agentVersion, libbpf: lib.version },
    kernel: machine.kernel,
    onConnected: (connected) => own.setApiserverConnected(connected),
  });

  // Wanted against loaded.
  let wishes: Wishes | undefined;
  let settled = false;
  const reconciler = makeReconciler(deps, machine, sinkOf(exporter, programRuns), own, (reports) => {
    settled ||= reports.every(({ state }) => state !== 'Pending');
    const running = Array.from(reconciler.running.values(), ({ wish }) => wish);
    own.setPrograms([...reports, ...unwelcome(wishes)], running);
    source.report(reports);
  });

  // Served before anything is loaded: a slow verifier must not look like a dead agent.
  const server = await serve(deps, exporter, own, () => settled);

  const failing = (thrown: unknown) => lifecycle.fail(thrown);
  const reconciling = reconciler.run(lifecycle.signal).catch(failing);
  const following = source
    .run(lifecycle.signal, (next) => {
      wishes = next;
      reconciler.apply(next);
    })
    .catch(failing);
  lifecycle.onStop('detach and unload', () => reconciling);
  lifecycle.onStop('flush the status', (signal) => source.flush(signal));
  lifecycle.onStop('end the source', () => following);
  const { instance, kernel } = machine;
  logger.info({ url: server.url, instance: instance.name, libbpf: lib.version, kernel: kernel.release }, 'listening');
  return { url: server.url };
}

/** What of this machine is ours, and what its kernel can do. */
interface Machine {
  readonly instance: Instance;
  readonly host: Host;
  readonly kernel: Preflight;
  readonly pins: Pins | undefined;
  readonly journal: Journal;
  readonly lastGood: LastGood;
}

/** What is missing is told once, here, with its cure. Throws InstanceTaken. */
function openMachine({ config, lib, logger, lifecycle }: AgentDeps): Machine {
  const instance = new Instance(lib, config.stateDir, instanceOf(config));
  lifecycle.onStop('release the instance', () => instance[Symbol.dispose]());
  const host = readHost();
  const kernel = preflight(lib, host);
  for (const warning of kernel.warnings) logger.warn(warning);
  if (kernel.obstacle !== undefined) logger.error({ reason: kernel.obstacle.reason }, kernel.obstacle.message);
  const pins = openPins(config.bpffs, instance.name, logger);
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return {
    instance,
    host,
    kernel,
    pins,
    journal: new Journal(instance.folder, bootId, agentVersion),
    lastGood: new LastGood(join(instance.folder, 'last-good'), logger),
  };
}

function makeReconciler(
  { lib, clock, logger }: AgentDeps,
  { host, pins, journal, lastGood }: Machine,
  metrics: MetricsSink,
  observer: OwnMetrics,
  onReport: (reports: readonly ProgramReport[]) => void,
): Reconciler {
  return new Reconciler({
    load: (wish, signal, refused) => load({ lib, host, journal, pins }, wish, signal, refused),
    host,
    pins,
    lastGood,
    attacher: { attach: (program) => attach(lib, program), slotOf },
    metrics,
    observer,
    clock,
    logger,
    onReport,
  });
}

async function serve(
  { config, logger, clock, lifecycle }: AgentDeps,
  exporter: Exporter,
  own: OwnMetrics,
  isReady: () => boolean,
): Promise<HttpServer> {
  const listen = parseListenAddress(config.listen);
  if (listen === undefined) throw new TypeError(`listen ${config.listen}: the configuration let it through`);
  const server = await startHttpServer({
    listen,
    logger,
    routes: {
      '/metrics': metricsHandler(exporter, {
        clock,
        stopping: lifecycle.signal,
        onRefused: (reason) => own.refused(reason),
      }),
      '/healthz': (_, response) => sendText(response, 200, 'ok\n'),
      '/readyz': (_, response) =>
        isReady() ? sendText(response, 200, 'ok\n') : sendText(response, 503, 'first sync under way\n'),
    },
  });
  lifecycle.onStop('close the HTTP server', (signal) => server.close(signal));
  return server;
}

function openPins(bpffs: string, instance: string, logger: Logger): Pins | undefined {
  const pins = new Pins(bpffs, instance);
  const obstacle = pins.obstacle();
  if (obstacle === undefined) return pins;
  logger.warn(`maps are not pinned, so counters start at zero with each agent: ${obstacle}`);
  return undefined;
}

/** Where counting was asked for and is refused, the agent runs on without. */
function openProgramRuns({ config, lib, logger, lifecycle }: AgentDeps): ProgramRunMetrics {
  const statistics = new RunStatistics(lib);
  lifecycle.onStop('end the statistics', () => statistics[Symbol.dispose]());
  try {
    if (config.programStats) statistics.enable();
  } catch (thrown) {
    const refusal = statisticsRefused(thrown);
    if (refusal === undefined) throw thrown;
    logger.warn(refusal);
  }
  return new ProgramRunMetrics(config.nodeName, statistics, (error) => logger.warn(messageOf(error)));
}

/** The metrics side, as the reconciler talks to it. */
function sinkOf(exporter: Exporter, programRuns: ProgramRunMetrics): MetricsSink {
  return {
    add: ({ wish, plan, object }) => {
      const { ref, namespace, name, createdAt } = wish;
      exporter.add({ ref, namespace, name, createdAt, plan, maps: object.maps });
      programRuns.add(ref, wish, object.programs);
    },
    remove: (ref) => {
      exporter.remove(ref);
      programRuns.remove(ref);
    },
    conflict: (ref) => {
      const conflicts = exporter.conflicts(ref);
      if (conflicts.length === 0) return undefined;
      const told = conflicts.map(({ family, keptBy }) => `${family} is exported by ${keptBy} with another type`);
      return `${told.join('; ')} [rename the map, or declare the metrics]`;
    },
    limited: (ref) => {
      const maxSeries = exporter.limited(ref);
      if (maxSeries === undefined) return undefined;
      return `there are more than ${maxSeries} series [raise spec.metrics.maxSeries, or drop labels]`;
    },
  };
}

/** What the source could make nothing of counts as failed, whatever of it runs on from before. */
function unwelcome(wishes: Wishes | undefined): ProgramReport[] {
  const rejected = (wishes?.rejected ?? []).map(({ ref, reason, message }) => ({ ref, reason, message }));
  const nameless = Array.from({ length: wishes?.problems ?? 0 }, () => ({ ref: '' }));
  return [...rejected, ...nameless].map((view) => ({ ...view, revision: '', state: 'Failed' }));
}
