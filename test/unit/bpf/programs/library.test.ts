import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  dashboardNames,
  expressionsOf,
  libraryNames,
  manifestName,
  readDashboard,
  resolveLibrary,
  seriesNames,
} from '../../../fixtures/library.ts';

const root = join(import.meta.dirname, '../../../..');

/** Words of PromQL that look like metrics of ours. */
const metricsIn = (expression: string): string[] =>
  [...expression.replaceAll(/"[^"]*"/g, '').matchAll(/\bbpf_(?!name\b|namespace\b)\w+/g)].map(([name]) => name);

test.each(libraryNames)('%s is accepted as it stands, without a warning', (name) => {
  const resolution = resolveLibrary(name);
  expect(resolution.ok ? resolution.revision.warnings : resolution).toEqual([]);
  expect(manifestName(name)).toBe(name);
});

describe('dashboards', () => {
  test('are of programs that are there, and each has a uid of its own', () => {
    expect(dashboardNames.length).toBeGreaterThan(0);
    expect(dashboardNames.filter((name) => !libraryNames.includes(name))).toEqual([]);
    expect(dashboardNames.map((name) => readDashboard(name).uid)).toEqual(
      dashboardNames.map((name) => `kube-bpf-${name}`),
    );
  });

  test.each(dashboardNames)('%s shows what its program exports, and nothing else', (name) => {
    const resolution = resolveLibrary(name);
    if (!resolution.ok) throw new Error(resolution.message);
    const there = new Set(seriesNames(resolution.revision.plan));
    const used = expressionsOf(readDashboard(name)).flatMap(metricsIn);
    expect(used.length).toBeGreaterThan(0);
    expect(used.filter((metric) => !there.has(metric))).toEqual([]);
  });

  test.each(dashboardNames)('%s lets one choose data source, namespace and node, everywhere', (name) => {
    const dashboard = readDashboard(name);
    expect(dashboard.templating.list.map((variable) => variable.name)).toEqual(['datasource', 'namespace', 'node']);
    for (const { title, targets } of dashboard.panels) {
      expect(title).not.toBe('');
      for (const { expr } of targets) {
        const selectors = expr.match(/\bbpf_\w+\{[^}]*\}/g) ?? [];
        expect(selectors.length).toBe(metricsIn(expr).length);
        expect(selectors.filter((each) => !/bpf_namespace=~"\$namespace", node=~"\$node"/.test(each))).toEqual([]);
      }
    }
  });

  // Grafana gives ids itself; ones of another instance would overwrite what it has.
  test.each(dashboardNames)('%s has no ids, and no data source of its own', (name) => {
    const text = readFileSync(join(root, `bpf/programs/${name}.dashboard.json`), 'utf8');
    const keys = new Set<string>();
    const sources = new Set<unknown>();
    JSON.parse(text, (key, value: unknown) => {
      keys.add(key);
      if (key === 'datasource') sources.add(JSON.stringify(value));
      return value;
    });
    expect(keys.has('id')).toBe(false);
    expect([...sources]).toEqual([expect.stringMatching(/^\{"type":"prometheus","uid":"\$\{datasource\}"\}$/)]);
  });
});
