import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { registerProcessMetrics } from '../../runtime/process-metrics.ts';
import { RegistryText } from '../../runtime/registry-text.ts';
import type { BpfName, ScrapeObserver } from './observer.ts';
import { type RefusalReason, refusalReasons } from './scrape-refused.ts';

export interface OwnMetricsOptions {
  /** Label `node` of all metrics of the registry. */
  readonly node: string;
  /** This agent's version. */
  readonly version: string;
  /** Whether there is an API server to be connected to: without one, `bpf_agent_apiserver_connected` is absent. */
  readonly kubernetes: boolean;
}

export type LoadResult = 'success' | 'failure';

/** A program as the agent reports it. */
export interface ProgramView {
  /** `namespace/name` */
  readonly ref: string;
  readonly revision: string;
  readonly state: (typeof states)[number];
}

/** A BPF at work, also one whose newer revision was refused. */
export interface RunningView extends BpfName {
  readonly revision: string;
}

/**
 * What the metrics say of a BPF now. Most of it is the same scrape after scrape, and telling prom-client once more takes
 * microseconds for each value.
 */
interface Said {
  /** By map. */
  readonly entries: Map<string, number>;
  series: number;
  merged: number;
}

const states = ['Pending', 'Ready', 'Failed'] as const;
const results: readonly LoadResult[] = ['success', 'failure'];

const bpfLabels = ['bpf_namespace', 'bpf_name'] as const;
const mapLabels = [...bpfLabels, 'map'] as const;

/** The agent's metrics about itself and its process, born at zero; names as in design/metrics.md. */
export class OwnMetrics implements ScrapeObserver {
  readonly #text: RegistryText;
  readonly #agent: ReturnType<typeof agentMetrics>;
  readonly #bpf: ReturnType<typeof bpfMetrics>;
  readonly #connected: Gauge | undefined;
  readonly #said = new Map<string, Said>();

  constructor(registry: Registry, options: OwnMetricsOptions) {
    this.#text = new RegistryText(registry, { node: options.node });
    registerProcessMetrics(registry);
    this.#agent = agentMetrics(registry);
    this.#bpf = bpfMetrics(registry);
    this.#agent.buildInfo.set({ version: options.version, nodejs: process.versions.node }, 1);
    this.#connected = options.kubernetes
      ? new Gauge({
          name: 'bpf_agent_apiserver_connected',
          help: '1 while the API server is watched.',
          registers: [registry],
        })
      : undefined;
    for (const result of results) this.#agent.loads.inc({ result }, 0);
    for (const reason of refusalReasons) this.#agent.refused.inc({ reason }, 0);
    this.setPrograms([], []);
  }

  /** The whole registry as exposition text. */
  readonly text = (): Promise<string> => this.#text.text();

  /** What this node should run now, and the BPFs that run with their revision: the whole lists each time. */
  setPrograms(programs: readonly ProgramView[], running: readonly RunningView[]): void {
    this.#agent.programInfo.reset();
    for (const state of states) {
      this.#agent.programs.set(
        { state: state.toLowerCase() },
        programs.filter((program) => program.state === state).length,
      );
    }
    for (const { namespace, name, revision } of running) {
      this.#agent.programInfo.set({ bpf_namespace: namespace, bpf_name: name, revision }, 1);
    }
  }

  loaded(result: LoadResult, durationMs: number): void {
    this.#agent.loads.inc({ result });
    this.#agent.loadSeconds.observe(durationMs / 1000);
  }

  setApiserverConnected(connected: boolean): void {
    this.#connected?.set(connected ? 1 : 0);
  }

  bpfAdded(bpf: BpfName, maps: readonly { readonly map: string; readonly maxEntries: number }[]): void {
    this.#removeMaps(bpf);
    const labels = labelsOf(bpf);
    const entries = new Map<string, number>();
    for (const { map, maxEntries } of maps) {
      if (map.startsWith('.')) continue; // a section's variables are no entries
      entries.set(map, 0);
      this.#bpf.mapEntries.set({ ...labels, map }, 0);
      this.#bpf.mapMaxEntries.set({ ...labels, map }, maxEntries);
    }
    this.#said.set(keyOf(bpf), { entries, series: 0, merged: 0 });
    for (const counter of [this.#bpf.readErrors, this.#bpf.cut, this.#bpf.dropped]) counter.inc(labels, 0);
    for (const gauge of [this.#bpf.series, this.#bpf.merged]) gauge.set(labels, 0);
  }

  bpfRemoved(bpf: BpfName): void {
    this.#removeMaps(bpf);
    this.#said.delete(keyOf(bpf));
    const { readErrors, cut, dropped, series, merged } = this.#bpf;
    for (const metric of [readErrors, cut, dropped, series, merged]) metric.remove(labelsOf(bpf));
  }

  mapRead(bpf: BpfName, map: string, entries: number): void {
    const said = this.#said.get(keyOf(bpf))?.entries;
    const before = said?.get(map);
    if (before === undefined || before === entries) return;
    said?.set(map, entries);
    this.#bpf.mapEntries.set({ ...labelsOf(bpf), map }, entries);
  }

  mapFailed(bpf: BpfName): void {
    this.#bpf.readErrors.inc(labelsOf(bpf));
  }

  mapCut(bpf: BpfName): void {
    this.#bpf.cut.inc(labelsOf(bpf));
  }

  bpfWritten(bpf: BpfName, series: number, merged: number, dropped: number): void {
    const said = this.#said.get(keyOf(bpf));
    if (said === undefined) return;
    if (dropped > 0) this.#bpf.dropped.inc(labelsOf(bpf), dropped);
    if (series !== said.series) this.#bpf.series.set(labelsOf(bpf), series);
    if (merged !== said.merged) this.#bpf.merged.set(labelsOf(bpf), merged);
    said.series = series;
    said.merged = merged;
  }

  scraped(durationSeconds: number): void {
    this.#agent.scrapeSeconds.observe(durationSeconds);
  }

  refused(reason: RefusalReason): void {
    this.#agent.refused.inc({ reason });
  }

  #removeMaps(bpf: BpfName): void {
    for (const map of this.#said.get(keyOf(bpf))?.entries.keys() ?? []) {
      this.#bpf.mapEntries.remove({ ...labelsOf(bpf), map });
      this.#bpf.mapMaxEntries.remove({ ...labelsOf(bpf), map });
    }
  }
}

/** About the agent as a whole. */
function agentMetrics(registry: Registry) {
  const registers = [registry];
  return {
    buildInfo: new Gauge({
      name: 'bpf_agent_build_info',
      help: 'Always 1; what runs here.',
      labelNames: ['version', 'nodejs'] as const,
      registers,
    }),
    programs: new Gauge({
      name: 'bpf_agent_programs',
      help: 'BPFs that this node should run, by what became of them.',
      labelNames: ['state'] as const,
      registers,
    }),
    programInfo: new Gauge({
      name: 'bpf_agent_program_info',
      help: 'Always 1; the revision of each BPF that runs on this node.',
      labelNames: [...bpfLabels, 'revision'] as const,
      registers,
    }),
    scrapeSeconds: new Histogram({
      name: 'bpf_agent_scrape_seconds',
      help: 'Time to read all maps and write their series.',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    refused: new Counter({
      name: 'bpf_agent_scrapes_refused_total',
      help: 'Scrapes answered with 503.',
      labelNames: ['reason'] as const,
      registers,
    }),
    loadSeconds: new Histogram({
      name: 'bpf_agent_load_seconds',
      help: 'Time to load and attach a BPF, or to fail at it.',
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers,
    }),
    loads: new Counter({
      name: 'bpf_agent_loads_total',
      help: 'Loads of BPFs.',
      labelNames: ['result'] as const,
      registers,
    }),
  };
}

/** About each BPF whose maps are exported. */
function bpfMetrics(registry: Registry) {
  const registers = [registry];
  const labelNames = bpfLabels;
  return {
    mapEntries: new Gauge({
      name: 'bpf_agent_map_entries',
      help: 'Entries that the last scrape found in the map.',
      labelNames: mapLabels,
      registers,
    }),
    mapMaxEntries: new Gauge({
      name: 'bpf_agent_map_max_entries',
      help: 'Entries that fit into the map.',
      labelNames: mapLabels,
      registers,
    }),
    readErrors: new Counter({
      name: 'bpf_agent_map_read_errors_total',
      help: 'Maps that could not be read, so that their series were missing in a scrape.',
      labelNames,
      registers,
    }),
    cut: new Counter({
      name: 'bpf_agent_scrape_cut_maps_total',
      help: 'Maps left out of a scrape because its time or size was spent.',
      labelNames,
      registers,
    }),
    dropped: new Counter({
      name: 'bpf_agent_series_dropped_total',
      help: 'Series left out of a scrape because the BPF had as many as its maxSeries.',
      labelNames,
      registers,
    }),
    series: new Gauge({
      name: 'bpf_agent_series',
      help: 'Series in the last scrape.',
      labelNames,
      registers,
    }),
    merged: new Gauge({
      name: 'bpf_agent_series_merged',
      help: 'Map keys that the last scrape summed into the series of another key, since their labels read alike.',
      labelNames,
      registers,
    }),
  };
}

const keyOf = ({ namespace, name }: BpfName): string => `${namespace}/${name}`;

const labelsOf = ({ namespace, name }: BpfName): Record<(typeof bpfLabels)[number], string> => ({
  bpf_namespace: namespace,
  bpf_name: name,
});
