import { get } from 'node:http';
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

/**
 * The series of one metric in a text, sorted, by what all that serve it agree in: its own labels in order and its value,
 * without the labels that say whose it is.
 */
export function seriesOf(exposition: string, metric: string): string[] {
  return exposition
    .split('\n')
    .filter((line) => line.startsWith(`${metric}{`))
    .map((line) => {
      const labels = line.slice(metric.length + 1, line.lastIndexOf('}'));
      const own = labels.split(',').filter((label) => !/^(node|bpf_name|bpf_namespace)=/.test(label));
      return `{${own.sort().join()}} ${Number(line.slice(line.lastIndexOf(' ') + 1))}`;
    })
    .sort();
}
