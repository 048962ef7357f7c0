import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crdFiles } from './generate-crds.ts';

/** Where the chart keeps its copy of the CRDs: helm reads nothing outside a chart's folder. */
const chartCrds = 'charts/kube-bpf/files/crds';

/** Every generated file that is committed: path from the root of the repository → text. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const [path, text] of crdFiles()) {
    files.set(path, text);
    files.set(`${chartCrds}/${basename(path)}`, text);
  }
  return files;
}

if (import.meta.main) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  for (const [path, text] of generatedFiles()) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    process.stdout.write(`${path}\n`);
  }
}
