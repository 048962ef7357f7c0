import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadLibbpf } from '../../agent/libbpf/ffi.ts';
import { mustRun } from '../apiserver/harness/run.ts';
import { BenchAgent } from './bench-agent.ts';
import { compileC } from './compile-c.ts';
import { exporterOrNone } from './exporter-build.ts';
import { scrapeText, seriesOf } from './series.ts';
import { fill, linesOf, type Shape, shapes } from './shapes.ts';
import { startC, startExporter, type Target } from './targets.ts';

export interface ScrapeOptions {
  /** A few rounds of the small maps, without ebpf_exporter: only whether it all works. */
  readonly quick: boolean;
  /** Only shapes whose title has this in it. */
  readonly titled?: string;
  /** Where CPU profiles of the agents go; none without it. */
  readonly profileFolder?: string | undefined;
}

/** What one shape took, in milliseconds, round by round. `exporter` is undefined where it was not there to be measured. */
export interface ScrapeTimes {
  readonly shape: Shape;
  readonly own: readonly number[];
  readonly ownAll: readonly number[];
  readonly c: readonly number[];
  readonly exporter: readonly number[] | undefined;
}

/** Rounds that warm up, then rounds that count: about as many as make ten seconds or twenty. */
function roundsOf(shape: Shape, quick: boolean): { warm: number; counted: number } {
  if (quick) return { warm: 1, counted: 2 };
  if (linesOf(shape) >= 100_000) return { warm: 5, counted: 30 };
  if (linesOf(shape) >= 10_000) return { warm: 20, counted: 100 };
  // V8 optimizes what was called some thousand times, and an agent is scraped for months.
  return { warm: 1000, counted: 1000 };
}

/**
 * Scrapes each shape of map in interleaved rounds from the agent, the C program and, where it can be built,
 * ebpf_exporter: all three read one map in the kernel. Throws where their series are not the same.
 */
export async function benchScrape(
  { quick, titled = '', profileFolder }: ScrapeOptions,
  progress: (line: string) => void,
): Promise<readonly ScrapeTimes[]> {
  const folder = mkdtempSync(join(tmpdir(), 'kube-bpf-bench-'));
  try {
    await BenchAgent.bundle();
    const programs = {
      folder,
      c: compileC('scrape', folder),
      client: compileC('client', folder),
      exporter: quick ? undefined : await exporterOrNone(progress),
    };
    const times: ScrapeTimes[] = [];
    const wanted = shapes.filter(({ title, entries }) => title.includes(titled) && (!quick || entries <= 10_000));
    for (const shape of wanted) {
      const rounds = roundsOf(shape, quick);
      progress(`${shape.title}: ${rounds.counted} rounds`);
      // libbpf pins by this name for ebpf_exporter, so no two runs may share it.
      const map = `bench_${process.pid}_${times.length}`;
      times.push(await benchShape(shape, map, rounds, programs, profileFolder));
    }
    return times;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Programs {
  readonly folder: string;
  readonly c: string;
  readonly client: string;
  readonly exporter: string | undefined;
}

async function benchShape(
  shape: Shape,
  map: string,
  rounds: { warm: number; counted: number },
  programs: Programs,
  profileFolder: string | undefined,
): Promise<ScrapeTimes> {
  const nodeFlags = profileFolder === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profileFolder];
  await using agent = await BenchAgent.start({ nodeFlags });
  const pin = await agent.load('bench', shape, map);
  fill(loadLibbpf(), pin, shape);
  await using c = await startC(programs.c, programs.folder, shape, pin, map);
  await using exporter =
    programs.exporter === undefined
      ? undefined
      : await startExporter(programs.exporter, programs.folder, shape, pin, map);
  const own = agent.target('agent, the BPF', 'bench/bench');
  const all = agent.target('agent, everything');
  await compareSeries(shape, `bpf_${map}`, [own, all, c]);
  if (exporter !== undefined) {
    const [ours, theirs] = await Promise.all([scrapeText(own), scrapeText(exporter)]);
    mustBeSame(shape, exporter.name, seriesOf(ours, `bpf_${map}`), seriesOf(theirs, `ebpf_exporter_${map}`));
  }

  const targets: Target[] = [own, all, c, ...(exporter === undefined ? [] : [exporter])];
  const places = targets.flatMap(({ port, path }) => [`${port}`, path]);
  const printed = await mustRun(programs.client, [`${rounds.warm + rounds.counted}`, ...places], {
    timeoutMs: 15 * 60_000,
  });
  await agent.stop();
  const measured = printed
    .trim()
    .split('\n')
    .slice(rounds.warm)
    .map((line) => line.split(' ').map((us) => Number(us) / 1000));
  const column = (i: number): number[] => measured.map((round) => round[i] ?? Number.NaN);
  return { shape, own: column(0), ownAll: column(1), c: column(2), exporter: exporter && column(3) };
}

async function compareSeries(shape: Shape, metric: string, targets: readonly Target[]): Promise<void> {
  let first: string[] | undefined;
  for (const target of targets) {
    const series = seriesOf(await scrapeText(target), metric);
    if (series.length !== linesOf(shape)) {
      throw new Error(`${shape.title}: ${target.name} serves ${series.length} series`);
    }
    first ??= series;
    mustBeSame(shape, target.name, first, series);
  }
}

function mustBeSame(shape: Shape, name: string, ours: readonly string[], theirs: readonly string[]): void {
  const at = ours.findIndex((line, i) => line !== theirs[i]);
  if (at === -1 && ours.length === theirs.length) return;
  throw new Error(`${shape.title}: ${name} serves ${theirs[at]} where the agent serves ${ours[at]}`);
}
