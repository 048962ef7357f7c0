import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crdFiles } from './generate-crds.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Where the chart keeps its copies of CRDs and dashboards: helm reads nothing outside a chart's folder. */
const chartCrds = 'charts/kube-bpf/files/crds';
const chartDashboards = 'charts/kube-bpf/files/dashboards';

/** Dashboards stand beside the programs whose metrics they show. */
const programs = 'bpf/programs';
const dashboardSuffix = '.dashboard.json';

/** Every generated file that is committed: path from the root of the repository → text. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const [path, text] of crdFiles()) {
    files.set(path, text);
    files.set(`${chartCrds}/${basename(path)}`, text);
  }
  for (const file of readdirSync(join(root, programs)).filter((name) => name.endsWith(dashboardSuffix))) {
    const text = readFileSync(join(root, programs, file), 'utf8');
    files.set(`${chartDashboards}/${basename(file, dashboardSuffix)}.json`, text);
  }
  return files;
}

if (import.meta.main) {
  for (const [path, text] of generatedFiles()) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    process.stdout.write(`${path}\n`);
  }
}
