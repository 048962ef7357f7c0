import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadLibbpf } from '../../agent/libbpf/ffi.ts';
import { eventually } from '../apiserver/harness/eventually.ts';
import { BenchAgent } from './bench-agent.ts';
import { Churner } from './churner.ts';
import { compileC } from './compile-c.ts';
import { exporterOrNone } from './exporter-build.ts';
import { scrapeText, seriesOf } from './series.ts';
import { fill, intsOf, largest, numberOf } from './shapes.ts';
import { startExporter, type Target } from './targets.ts';

/** What one target's scrapes came to, all of them together. */
export interface ChurnTally {
  readonly name: string;
  readonly scrapesMs: number[];
  rows: number;
  /** Rows whose number is not their key's, or whose key there never was. */
  wrong: number;
  /** Rows whose labels another row of the same scrape has. */
  double: number;
  /** Untouched keys without a row, in scrapes that had the metric. */
  missing: number;
  /** Scrapes without the metric. */
  without: number;
}

export interface ChurnFigures {
  readonly wantedPerSecond: number;
  /** Inserts and deletes that the machine managed while it was scraped. */
  readonly perSecond: number;
  readonly untouched: number;
  readonly tallies: readonly ChurnTally[];
}

/** What the issue wants to be stood. */
const operationsPerSecond = 1_000_000;
/** Keys that nobody touches. */
const untouched = 10_000;
/** As churn.c has it: its keys' cgroups begin here. */
const firstChurned = 1_000_000_000;

/**
 * Scrapes a hash in turn from the agent and, where it can be built, ebpf_exporter, while keys beside those that were
 * there come and go, and holds each row against what its key is known to have.
 */
export async function benchChurn(quick: boolean, progress: (line: string) => void): Promise<ChurnFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'kube-bpf-bench-'));
  try {
    await BenchAgent.bundle();
    const binary = compileC('churn', folder);
    const exporterBinary = quick ? undefined : await exporterOrNone(progress);
    const map = `churn_${process.pid}`;
    await using agent = await BenchAgent.start();
    const pin = await agent.load('bench', largest, map);
    fill(loadLibbpf(), pin, largest, 0, untouched);
    await using exporter =
      exporterBinary === undefined ? undefined : await startExporter(exporterBinary, folder, largest, pin, map);
    const targets = [
      { target: agent.target('agent', 'bench/bench'), metric: `bpf_${map}` },
      ...(exporter ? [{ target: exporter, metric: `ebpf_exporter_${map}` }] : []),
    ];
    const tallies = targets.map(({ target: { name } }) => newTally(name));

    await using churner = new Churner(binary, pin, operationsPerSecond);
    await eventually('churned keys in a scrape', async () => {
      if (churner.ended) throw new Error('churn ended before it was told to');
      return (await seriesUnder(targets[0])).length > untouched;
    });
    const rounds = quick ? 5 : 100;
    progress(`${rounds} scrapes each while keys come and go`);
    for (let round = 0; round < rounds; round++) {
      for (const [i, { target, metric }] of targets.entries()) {
        const tally = tallies[i];
        if (tally !== undefined) await judge(target, metric, tally);
      }
    }
    return { wantedPerSecond: operationsPerSecond, perSecond: await churner.end(), untouched, tallies };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const newTally = (name: string): ChurnTally => ({
  name,
  scrapesMs: [],
  rows: 0,
  wrong: 0,
  double: 0,
  missing: 0,
  without: 0,
});

async function seriesUnder(from: { target: Target; metric: string } | undefined): Promise<string[]> {
  return from === undefined ? [] : seriesOf(await scrapeText(from.target), from.metric);
}

async function judge(target: Target, metric: string, tally: ChurnTally): Promise<void> {
  const start = performance.now();
  const text = await scrapeText(target);
  tally.scrapesMs.push(performance.now() - start);
  const series = seriesOf(text, metric);
  if (series.length === 0) {
    tally.without++;
    return;
  }
  const seen = new Set<string>();
  let untouchedSeen = 0;
  for (const line of series) {
    const [labels = '', value] = line.split(' ');
    if (seen.has(labels)) {
      tally.double++;
      continue;
    }
    seen.add(labels);
    const cgroup = Number(/cgroup="(\d+)"/.exec(labels)?.[1]);
    if (cgroup < firstChurned) untouchedSeen++;
    const right = cgroup < firstChurned ? expected.get(labels) : cgroup;
    if (Number(value) !== right) tally.wrong++;
  }
  tally.rows += series.length;
  tally.missing += untouched - untouchedSeen;
}

/** What each untouched key's row has, by its labels as `seriesOf` writes them. */
const expected: ReadonlyMap<string, number> = new Map(
  Array.from({ length: untouched }, (_, i) => {
    const { cgroup, op, error } = intsOf(i);
    return [`{cgroup="${cgroup}",error="${error}",op="${op}"}`, Number(numberOf(i))];
  }),
);
