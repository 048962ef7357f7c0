import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MetricPlan } from '../../../../bpf/metrics/plan.ts';
import { MemoryMap } from '../../../fakes/memory-map.ts';
import {
  dashboardNames,
  expressionsOf,
  libraryNames,
  manifestName,
  metricsIn,
  readDashboard,
  resolveLibrary,
  seriesNames,
} from '../../../fixtures/library.ts';
import { newExporter, textOf } from '../../agent/metrics/exporting.ts';

const root = join(import.meta.dirname, '../../../..');
const promtool = '/usr/bin/promtool';

test.each(libraryNames)('%s is accepted as it stands, without a warning', (name) => {
  const resolution = resolveLibrary(name);
  expect(resolution.ok ? resolution.revision.warnings : resolution).toEqual([]);
  expect(manifestName(name)).toBe(name);
});

/** What is served where each map has one entry, of which each byte is 1; labels without decoders. */
async function exposition(plan: MetricPlan): Promise<string> {
  const tables = plan.tables.map(({ labels, ...table }) => ({
    ...table,
    labels: labels.map(({ name, from, reading }) => ({ name, from, reading })),
  }));
  const maps = tables.map(({ map, keySizeBytes, valueSizeBytes }) => {
    const entry = [Buffer.alloc(keySizeBytes, 1), Buffer.alloc(valueSizeBytes, 1)] as const;
    return [map, new MemoryMap({ name: map, keySizeBytes, valueSizeBytes }, [entry])] as const;
  });
  const { exporter } = newExporter();
  exporter.add({
    ref: 'ns/b',
    namespace: 'ns',
    name: 'b',
    createdAt: '',
    plan: { ...plan, tables },
    maps: new Map(maps),
  });
  return textOf(exporter);
}

// Whatever this kernel can run, and whatever happens on it. promtool is Debian's package `prometheus`; the unit lane must
// run without it. In CI a skip is a failure.
(existsSync(promtool) ? test : test.skip).each(libraryNames)(
  '%s serves what promtool finds no fault with',
  async (name) => {
    const resolution = resolveLibrary(name);
    if (!resolution.ok) throw new Error(resolution.message);
    const { plan } = resolution.revision;
    const text = await exposition(plan);
    const all = plan.tables.flatMap(({ metrics, histograms = [] }) => [...metrics, ...histograms]);
    const served = [...text.matchAll(/^# TYPE (\w+)/gm)].map(([, family = '']) => family);
    expect(served.sort()).toEqual(all.map(({ family }) => family).sort());
    expect(execFileSync(promtool, ['check', 'metrics'], { input: text, encoding: 'utf8' })).toBe('');
  },
);

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
