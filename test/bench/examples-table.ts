import type { ExampleFigures } from './examples.ts';
import { columns } from './scrape-table.ts';

/** What was compared, as a table, with the first of the series that differ below it. */
export function examplesTable(figures: readonly ExampleFigures[]): string {
  const compared = figures.filter(({ refused }) => refused === undefined);
  const rows = compared.map(({ name, both, onlyAgent, onlyExporter, apart }) => [
    name,
    ...[both, onlyAgent, onlyExporter, apart].map((list) => String(list.length)),
  ]);
  const head = ['', 'series of both', 'only agent', 'only ebpf_exporter', 'numbers apart'];
  const told = compared.flatMap(({ onlyAgent, onlyExporter, apart }) => [
    ...onlyAgent.slice(0, shown).map((series) => `only agent: ${series}\n`),
    ...onlyExporter.slice(0, shown).map((series) => `only ebpf_exporter: ${series}\n`),
    ...apart.slice(0, shown).map((series) => `apart: ${series}\n`),
  ]);
  const notHere = figures.flatMap(({ name, refused }) => (refused === undefined ? [] : [`${name} (${refused})`]));
  return `\nebpf_exporter's examples, in the agent and in itself\n${columns([head, ...rows])}${told.join('')}not on this machine: ${notHere.join(', ')}\n`;
}

/** Of each list. */
const shown = 3;
