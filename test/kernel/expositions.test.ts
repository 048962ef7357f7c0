import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Prometheus } from './prometheus.ts';

/** What our renderer is held to, in files that a person has read; hostile names and bytes among them. */
const folder = fileURLToPath(new URL('../fixtures/expositions/', import.meta.url));
const files = readdirSync(folder).filter((file) => file.endsWith('.txt'));
const linesOf = (file: string): string[] =>
  readFileSync(join(folder, file), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

test('a real Prometheus takes every golden exposition: all series are there, and none twice', async () => {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
    response.end(readFileSync(join(folder, (request.url ?? '').slice(1))));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const state = mkdtempSync(join(tmpdir(), 'kube-bpf-prometheus-'));
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const jobs = files.map((file) => `/${file}`);
    await using prometheus = await Prometheus.start(url, state, jobs);
    expect(await prometheus.lastErrors()).toEqual([]);
    const counts = await prometheus.query('count by (job) ({job!="",__name__!~"up|scrape_.*"})');
    const there = Object.fromEntries(counts.map(({ metric, value }) => [metric['job'], Number(value[1])]));
    // Each line of a file is a series of its own, so as many as there are lines is all of them and none twice.
    expect(there).toEqual(Object.fromEntries(files.map((file) => [`/${file}`, linesOf(file).length])));
    const dropped = await prometheus.query('sum(scrape_samples_scraped) - sum(scrape_samples_post_metric_relabeling)');
    expect(dropped.map(({ value }) => value[1])).toEqual(['0']);
  } finally {
    server.close();
    server.closeAllConnections();
    rmSync(state, { recursive: true, force: true });
  }
}, 60_000);
