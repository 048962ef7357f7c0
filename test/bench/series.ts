import { Agent, get } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Target } from './targets.ts';

/** A target's whole answer. The connection is closed behind it: the C program serves one at a time. */
export function scrapeText({ name, port, path }: Target): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      if (response.statusCode === 200) text(response).then(resolve, reject);
      else reject(new Error(`scrape ${name}: ${response.statusCode}`));
    }).on('error', reject);
  });
}

/** Scrapes as Prometheus does: over one connection, with gzip. Of the answers only their end is waited for. */
export async function scrapeOften({ name, port, path }: Target, scrapes: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const scrape = () =>
    new Promise<void>((resolve, reject) => {
      get({ host: '127.0.0.1', port, path, agent, headers: { 'accept-encoding': 'gzip' } }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`scrape ${name}: ${response.statusCode}`));
        response.resume().on('end', resolve).on('error', reject);
      }).on('error', reject);
    });
  try {
    for (let i = 0; i < scrapes; i++) await scrape();
  } finally {
    agent.destroy();
  }
}

/**
 * The series of one metric in a text, sorted, by what all that serve it agree in: its own labels in order and its value,
 * without the labels that say whose it is. Of a histogram, `bucket`, `sum` or `count` stands in front, and a bucket's
 * `le` is a number.
 */
export function seriesOf(exposition: string, metric: string): string[] {
  const line = new RegExp(`^${metric}(?:_(bucket|sum|count))?(?:\\{(.*)\\})? (\\S+)$`, 'gm');
  return Array.from(exposition.matchAll(line), ([, part = '', labels = '', value]) => {
    const own = labels.split(',').filter((label) => !/^$|^(node|bpf_name|bpf_namespace)=/.test(label));
    const alike = own.map((label) => label.replace(/^le="(.*)"$/, (_, le) => `le=${le === '+Inf' ? le : Number(le)}`));
    return `${part}{${alike.sort().join()}} ${Number(value)}`;
  }).sort();
}
