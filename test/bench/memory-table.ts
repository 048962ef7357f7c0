import type { Memory } from './bench-agent.ts';
import { type MemoryFigures, manyScrapes } from './memory.ts';

/** What was measured, as a table, with what is wanted beside it. */
export function memoryTable(figures: MemoryFigures): string {
  const { bareNode, tenObjects, exporter, emptyMap, fullMap, series, generations, scrapedBlockMs, idleBlockMs } =
    figures;
  const first = generations[0] ?? fullMap;
  const last = generations.at(-1) ?? fullMap;
  const above = (tenObjects.idle.rssKiB - bareNode.rssKiB) / 1024;
  const perSeries = (fullMap.rssKiB - emptyMap.rssKiB) / series;
  const rows: readonly (readonly [string, string, string])[] = [
    ['bare Node', mib(bareNode), ''],
    ['agent, ten objects, idle', mib(tenObjects.idle), exporter ? `anonymous < ${anonymous(exporter.idle)}` : ''],
    ['  above bare Node', `${above.toFixed(1)} MiB`, '≤ 20 MiB'],
    [afterMany, mib(tenObjects.busy), ''],
    ...(exporter === undefined
      ? []
      : ([
          ['ebpf_exporter, ten objects, idle', mib(exporter.idle), ''],
          [afterMany, mib(exporter.busy), ''],
        ] as const)),
    ['agent, one empty map', mib(emptyMap), ''],
    [`agent, ${series.toLocaleString('en')} series`, mib(fullMap), ''],
    ['  per series', `${perSeries.toFixed(2)} KiB`, '≤ 0.20 KiB'],
    [`after ${series.toLocaleString('en')} keys came and went`, mib(first), ''],
    [`after ${(series * generations.length).toLocaleString('en')}`, mib(last), 'flat'],
    ['longest block of the event loop, scraping', `${scrapedBlockMs.toFixed(1)} ms`, '≤ 10 ms'],
    ['  as long without scrapes', `${idleBlockMs.toFixed(1)} ms`, ''],
  ];
  const widths = [0, 1].map((i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const lines = rows.map(([name, value, wanted]) =>
    `${name.padEnd(widths[0] ?? 0)}  ${value.padStart(widths[1] ?? 0)}  ${wanted}`.trimEnd(),
  );
  return `\nresident memory (anonymous part), and what is wanted\n${lines.join('\n')}\n`;
}

const afterMany = `  after ${manyScrapes.toLocaleString('en')} scrapes`;

const anonymous = ({ anonymousKiB }: Memory): string => (anonymousKiB / 1024).toFixed(1);

const mib = ({ rssKiB, anonymousKiB }: Memory): string =>
  `${(rssKiB / 1024).toFixed(1)} (${anonymous({ rssKiB, anonymousKiB })}) MiB`;
