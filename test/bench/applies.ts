import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compileObject, manifestWithObject } from '../../tools/build-manifests.ts';
import { eventually } from '../apiserver/harness/eventually.ts';
import { Cluster } from '../path/cluster.ts';

const example = (name: string): string => fileURLToPath(new URL(`../../bpf/programs/${name}`, import.meta.url));

/** What the issue wants, in milliseconds. */
const wanted = { series: 1_000, ready: 3_000 };

interface Times {
  readonly seriesMs: number;
  readonly readyMs: number;
}

/**
 * Applies an example so many times, each time from nothing, on a real API server and kernel, and returns a table of the
 * times from the start of `kubectl apply` (its own start included) to the first series on the node and to Ready.
 */
export async function benchApplies(applies: number, progress: (line: string) => void): Promise<string> {
  await using cluster = await Cluster.start();
  await cluster.startAgent();
  const manifest = manifestWithObject(
    readFileSync(example('syscalls.yaml'), 'utf8'),
    compileObject(example('syscalls.bpf.c')),
  );
  const times: Times[] = [];
  for (let i = 1; i <= applies; i++) {
    times.push(await applyOnce(cluster, manifest));
    progress(
      `apply ${i} of ${applies}: first series ${Math.round(times.at(-1)?.seriesMs ?? 0)} ms, Ready ${Math.round(times.at(-1)?.readyMs ?? 0)} ms`,
    );
    await cluster.kubectl(['delete', 'bpf', 'syscalls', '--timeout=60s']);
    await cluster.kubectl(['delete', 'configmap', '--all', '--namespace=default']);
  }
  const row = (name: string, list: number[], limitMs: number): string => {
    const sorted = list.toSorted((a, b) => a - b);
    const at = (share: number) =>
      Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
    return `${name.padEnd(14)} ${[at(0), at(0.5), at(0.9), Math.round(sorted.at(-1) ?? 0)].map((ms) => String(ms).padStart(7)).join(' ')}   < ${limitMs}\n`;
  };
  return [
    `\nfrom kubectl apply, ${applies} applies, ms\n`,
    `${''.padEnd(14)} ${['min', 'p50', 'p90', 'max'].map((name) => name.padStart(7)).join(' ')}   wanted p50\n`,
    row(
      'first series',
      times.map(({ seriesMs }) => seriesMs),
      wanted.series,
    ),
    row(
      'Ready',
      times.map(({ readyMs }) => readyMs),
      wanted.ready,
    ),
  ].join('');
}

async function applyOnce(cluster: Cluster, manifest: string): Promise<Times> {
  const start = performance.now();
  const since = () => performance.now() - start;
  const { agent } = cluster;
  if (agent === undefined) throw new Error('no agent');
  const first = eventually('the first series', async () => (await agent.metrics()).includes('bpf_name="syscalls"'), {
    deadlineMs: 60_000,
    everyMs: 10,
  }).then(since);
  await cluster.kubectl(['apply', '--server-side', '-f', '-'], manifest);
  await cluster.kubectl(['wait', '--for=condition=Ready', 'bpf/syscalls', '--timeout=60s']);
  return { readyMs: since(), seriesMs: await first };
}
