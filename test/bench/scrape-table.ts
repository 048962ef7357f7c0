import type { ScrapeTimes } from './scrape.ts';
import { slots } from './shapes.ts';

/** What was measured, as a table: milliseconds, their ratios, and the ratios that are wanted beside them. */
export function scrapeTable(times: readonly ScrapeTimes[]): string {
  const rows = times.map(({ shape, own, ownAll, c, exporter }) => {
    const [p50, p50All, p50C, p50Exporter] = [own, ownAll, c, exporter ?? []].map(median) as [
      number,
      number,
      number,
      number,
    ];
    return [
      shape.title,
      pair(own),
      pair(ownAll),
      pair(c),
      exporter === undefined ? '–' : pair(exporter),
      ratio(p50, p50C),
      ratio(Math.min(...own), Math.min(...c)),
      shape.wantedOfC === undefined ? '' : `≤ ${shape.wantedOfC.toFixed(2)}`,
      exporter === undefined ? '–' : ratio(p50Exporter, p50All),
      exporter === undefined ? '' : `${shape.wantedOfExporter > 1 ? '≥' : '>'} ${shape.wantedOfExporter.toFixed(2)}`,
    ];
  });
  const heads = [
    ['', 'agent', 'agent', 'C', 'ebpf_exporter', 'agent/C', 'agent/C', 'wanted', 'ebpf_exporter', 'wanted'],
    ['', 'one BPF', '/metrics', '', '/metrics', 'p50', 'min', '', '/agent /metrics', ''],
  ];
  const title = 'one scrape over HTTP on loopback, p50 (min) in ms, interleaved rounds';
  const note = times.some(({ shape: { kind } }) => kind === 'slots')
    ? `of histograms, ebpf_exporter reads a map of its own with a key for each of ${slots} buckets\n`
    : '';
  return `\n${title}\n${columns([...heads, ...rows])}${note}`;
}

/** Rows as lines, each column as wide as its widest cell; the first is to the left. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')}\n`,
    )
    .join('');
}

const pair = (list: readonly number[]): string => `${median(list).toFixed(2)} (${Math.min(...list).toFixed(2)})`;
const ratio = (a: number, b: number): string => `${(a / b).toFixed(2)} ×`;

export function median(list: readonly number[]): number {
  const sorted = list.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
