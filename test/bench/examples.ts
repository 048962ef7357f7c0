import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../runtime/errors.ts';
import { manifestWithObject } from '../../tools/build-manifests.ts';
import { eventually } from '../apiserver/harness/eventually.ts';
import { AgentHome, type RunningAgent } from '../kernel/agent-process.ts';
import { callGetpgid, UdpFlow } from '../kernel/events.ts';
import { compileExample, exampleManifest, exampleNames, exporterConfiguration } from '../kernel/exporter-examples.ts';
import { exporterModule, exporterOrNone } from './exporter-build.ts';
import { scrapeText, seriesOf } from './series.ts';
import { runExporter, type Target } from './targets.ts';

/** What one example of ebpf_exporter came to, in the agent and in ebpf_exporter at the same time. */
export interface ExampleFigures {
  readonly name: string;
  /** Why it is not compared on this machine: the agent's reason, or what ebpf_exporter said last. */
  readonly refused?: string;
  /** Series that both have, name and labels alike, and that grew in one and are not in the other. */
  readonly both: readonly string[];
  readonly onlyAgent: readonly string[];
  readonly onlyExporter: readonly string[];
  /** Of those that both have, counts that grew by more than the time between the scrapes explains. */
  readonly apart: readonly string[];
}

const nothing = { both: [], onlyAgent: [], onlyExporter: [], apart: [] };

/** How long things happen that the programs count. */
const busyMs = 1_500;
/** Two programs on one hook do not miss the same events: where both run into a lock, or one into the other. */
const tolerance = 0.02;

/**
 * Loads each example that this machine has the hooks for into the agent, by our manifest, and into ebpf_exporter, by its
 * own configuration, and compares their series. Throws where ebpf_exporter cannot be built.
 */
export async function compareExamples(progress: (line: string) => void): Promise<readonly ExampleFigures[]> {
  const module = await exporterModule();
  const binary = await exporterOrNone(progress);
  if (binary === undefined) throw new Error('compare examples: there is nothing to compare with');
  const folder = mkdtempSync(join(tmpdir(), 'kube-bpf-examples-'));
  try {
    const figures: ExampleFigures[] = [];
    for (const name of exampleNames) {
      progress(name);
      figures.push(await compareExample(module, binary, folder, name));
    }
    return figures;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function compareExample(module: string, binary: string, folder: string, name: string): Promise<ExampleFigures> {
  const object = compileExample(module, name);
  await using home = new AgentHome();
  home.write(`${name}.yaml`, manifestWithObject(exampleManifest(name), object));
  const agent = await home.start();
  const refused = await verdict(agent);
  if (refused !== undefined) return { name, refused, ...nothing };
  writeFileSync(join(folder, `${name}.bpf.o`), object);
  copyFileSync(join(module, 'examples', `${name}.yaml`), join(folder, `${name}.yaml`));
  try {
    await using exporter = await runExporter(binary, folder, name);
    return await compareSeries(module, name, agent, exporter);
  } catch (thrown) {
    return { name, refused: endedBy(thrown), ...nothing };
  }
}

async function compareSeries(
  module: string,
  name: string,
  agent: RunningAgent,
  exporter: Target,
): Promise<ExampleFigures> {
  const { counters, histograms } = exporterConfiguration(module, name);
  const families = [...counters, ...histograms].map((metric) => `ebpf_exporter_${metric.name}`);
  const ours: Target = { name: 'agent', port: Number(new URL(agent.url).port), path: '/metrics' };
  const scrape = async (target: Target) => {
    const text = await scrapeText(target);
    return numbersOf(families.flatMap((family) => seriesOf(text, family).map((line) => `${family} ${line}`)));
  };
  await busy();
  // Each inside of the next: what grew in a shorter time cannot be more than what grew in a longer one around it.
  const before = await scrape(ours);
  const theirsBefore = await scrape(exporter);
  const between = await scrape(ours);
  await busy();
  const betweenEnd = await scrape(ours);
  const theirsEnd = await scrape(exporter);
  const end = await scrape(ours);
  const [least, theirs, most] = [growth(between, betweenEnd), growth(theirsBefore, theirsEnd), growth(before, end)];
  const both = [...end.keys()].filter((series) => theirsEnd.has(series));
  const apart = both
    // Two programs look at the clock at two times, so buckets and sums of latencies are not the same.
    .filter((series) => !/ (bucket|sum)\{/.test(series))
    .filter((series) => isMore(least.get(series), theirs.get(series)) || isMore(theirs.get(series), most.get(series)));
  return {
    name,
    both,
    onlyAgent: [...least.keys()].filter((series) => !theirsEnd.has(series)),
    onlyExporter: [...theirs.keys()].filter((series) => !end.has(series)),
    apart,
  };
}

/** The series that grew, and by how much. */
function growth(from: ReadonlyMap<string, number>, to: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const grown = Array.from(to, ([series, n]) => [series, n - (from.get(series) ?? 0)] as const);
  return new Map(grown.filter(([, by]) => by !== 0));
}

/** By more than can be explained. */
const isMore = (a = 0, b = 0): boolean => a > b * (1 + tolerance) + 2;

/** Undefined once it runs; else why it does not. */
async function verdict(agent: RunningAgent): Promise<string | undefined> {
  const state = await eventually('a verdict', async () => {
    for (const name of ['ready', 'failed']) {
      if ((await agent.value(`bpf_agent_programs{node="n1",state="${name}"}`)) === '1') return name;
    }
    return undefined;
  });
  if (state === 'ready') return undefined;
  const line = await agent.logged('"level":"warn"', '"reason"');
  return (JSON.parse(line) as { reason: string }).reason;
}

/** What ebpf_exporter said last, or why else it did not come to listen. */
function endedBy(thrown: unknown): string {
  const cause = thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown;
  return `ebpf_exporter: ${messageOf(cause).trim().split(': ').at(-1)}`;
}

/** System calls, errors, packets, and the timers and soft interrupts that come with them. */
async function busy(): Promise<void> {
  await using flow = await UdpFlow.open();
  const end = performance.now() + busyMs;
  while (performance.now() < end) {
    callGetpgid(100);
    callGetpgid(100, 2 ** 30);
    await flow.send(20);
    await delay(10);
  }
}

function numbersOf(lines: readonly string[]): Map<string, number> {
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}
