import type { ChurnFigures } from './churn.ts';
import { columns, median } from './scrape-table.ts';

/** What was seen, as a table; wanted is 0 in every column but the first three. */
export function churnTable({ wantedPerSecond, perSecond, untouched, tallies }: ChurnFigures): string {
  const head = ['', 'scrapes', 'p50 ms', 'rows', 'wrong', 'double', 'missing', 'without the metric'];
  const rows = tallies.map(({ name, scrapesMs, rows: seen, wrong, double, missing, without }) => [
    name,
    count(scrapesMs.length),
    median(scrapesMs).toFixed(1),
    ...[seen, wrong, double, missing, without].map(count),
  ]);
  const title =
    `a hash under ${count(Math.round(perSecond))} inserts and deletes a second (${count(wantedPerSecond)} were wanted), ` +
    `with ${count(untouched)} keys that nobody touches`;
  return `\n${title}\n${columns([head, ...rows])}`;
}

const count = (n: number): string => n.toLocaleString('en');
