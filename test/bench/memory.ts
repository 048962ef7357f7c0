import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Libbpf } from '../../agent/libbpf/binding.ts';
import { loadLibbpf } from '../../agent/libbpf/ffi.ts';
import { BenchAgent, type Memory, memoryOf } from './bench-agent.ts';
import { exporterOrNone } from './exporter-build.ts';
import { scrapeOften, scrapeText } from './series.ts';
import { empty, fill, largest, shapes } from './shapes.ts';
import { startEmptyExporter, type Target } from './targets.ts';

export interface MemoryFigures {
  /** Node with nothing to run. */
  readonly bareNode: Memory;
  /** The agent with ten objects loaded, whose maps are empty. */
  readonly tenObjects: Scraped;
  /** ebpf_exporter with the same; undefined where it cannot be built. */
  readonly exporter: Scraped | undefined;
  /** With one map of 100,000 entries, before any was there and after scrapes of all. */
  readonly emptyMap: Memory;
  readonly fullMap: Memory;
  readonly series: number;
  /** After each time that all keys of that map were deleted and as many others inserted and scraped. */
  readonly generations: readonly Memory[];
  /** The longest blocks of the event loop while that map was scraped, and in as much time without scrapes. */
  readonly scrapedBlockMs: number;
  readonly idleBlockMs: number;
}

/** Memory after a few scrapes, and after many without a pause. */
export interface Scraped {
  readonly idle: Memory;
  readonly busy: Memory;
}

const objects = 10;
const scrapes = 10;
export const manyScrapes = 1_500;
const generations = 10;
/** Node gives pages back some time after they fell idle; a look at the memory waits for that. */
const settleMs = 3_000;

/** Measures the agent's memory and how long it holds up its event loop. */
export async function benchMemory(progress: (line: string) => void): Promise<MemoryFigures> {
  await BenchAgent.bundle();
  progress('memory of bare Node');
  const bareNode = await memoryOfBareNode();
  progress(`memory with ${objects} objects`);
  const tenObjects = await memoryOfTenObjects();
  const exporter = await memoryOfExporter(progress);
  const large = await largeMap(progress);
  progress('longest block of the event loop');
  return { bareNode, tenObjects, exporter, ...large, ...(await longestBlocks()) };
}

async function memoryOfBareNode(): Promise<Memory> {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume(); console.log()'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    await once(child.stdout, 'data');
    await delay(settleMs);
    return memoryOf(child.pid ?? 0);
  } finally {
    child.stdin.end();
    await once(child, 'exit');
  }
}

/** The shape of the objects whose number counts, not their size. */
function smallest() {
  const [small] = shapes;
  if (small === undefined) throw new Error('no shapes');
  return small;
}

async function memoryOfTenObjects(): Promise<Scraped> {
  await using agent = await BenchAgent.start();
  for (let i = 0; i < objects; i++) await agent.load(`bench-${i}`, smallest(), `bench_${i}`);
  return await memoryScraped(agent.target('agent'), agent.agent.process.pid);
}

async function memoryOfExporter(progress: (line: string) => void): Promise<Scraped | undefined> {
  const binary = await exporterOrNone(progress);
  if (binary === undefined) return undefined;
  progress(`memory of ebpf_exporter with ${objects} objects`);
  const folder = mkdtempSync(join(tmpdir(), 'kube-bpf-bench-'));
  try {
    // libbpf pins by these names for ebpf_exporter, so no two runs may share them.
    const maps = Array.from({ length: objects }, (_, i) => `bench_${process.pid}_${i}`);
    await using exporter = await startEmptyExporter(binary, folder, smallest(), maps);
    return await memoryScraped(exporter, exporter.pid);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function memoryScraped(target: Target, pid: number): Promise<Scraped> {
  await scrapeOften(target, scrapes);
  await delay(settleMs);
  const idle = memoryOf(pid);
  await scrapeOften(target, manyScrapes);
  await delay(settleMs);
  return { idle, busy: memoryOf(pid) };
}

async function scrapeSome(agent: BenchAgent): Promise<void> {
  for (let i = 0; i < scrapes; i++) await scrapeText(agent.target('agent'));
}

async function largeMap(
  progress: (line: string) => void,
): Promise<Pick<MemoryFigures, 'emptyMap' | 'fullMap' | 'series' | 'generations'>> {
  await using agent = await BenchAgent.start();
  const lib = loadLibbpf();
  const pin = await agent.load('bench', largest, 'bench_large');
  await scrapeSome(agent);
  await delay(settleMs);
  const emptyMap = agent.memory;

  progress(`memory with ${largest.entries} series`);
  fill(lib, pin, largest);
  await scrapeSome(agent);
  await delay(settleMs);
  const fullMap = agent.memory;

  const after: Memory[] = [];
  for (let generation = 1; generation <= generations; generation++) {
    progress(`memory after ${generation * largest.entries} keys came and went`);
    replaceKeys(lib, pin, generation);
    await scrapeSome(agent);
    await delay(settleMs);
    after.push(agent.memory);
  }
  return { emptyMap, fullMap, series: largest.entries, generations: after };
}

async function longestBlocks(): Promise<Pick<MemoryFigures, 'scrapedBlockMs' | 'idleBlockMs'>> {
  await using agent = await BenchAgent.start({ watchLoop: true });
  fill(loadLibbpf(), await agent.load('bench', largest, 'bench_large'), largest);
  await scrapeSome(agent);
  await agent.longestBlockMs();
  const start = performance.now();
  await scrapeSome(agent);
  const scrapedBlockMs = await agent.longestBlockMs();
  await delay(performance.now() - start);
  return { scrapedBlockMs, idleBlockMs: await agent.longestBlockMs() };
}

/** Deletes the keys of the generation before and inserts as many that there never were. */
function replaceKeys(lib: Libbpf, pin: string, generation: number): void {
  const { entries } = largest;
  empty(lib, pin, largest, (generation - 1) * entries, generation * entries);
  fill(lib, pin, largest, generation * entries, (generation + 1) * entries);
}
