import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { kinds } from '../crds/kinds.ts';
import { group } from '../crds/names.ts';
import { toCrd } from '../crds/to-crd.ts';

/** The CRDs as YAML: path from the root of the repository → text. Run as a program, it writes them. */
export function crdFiles(): ReadonlyMap<string, string> {
  return new Map(
    kinds.map((kind) => [
      `crds/generated/${group}_${kind.plural}.yaml`,
      `# Generated from the zod schemas in crds/ by \`node tools/generate-crds.ts\`. Do not edit.\n${stringify(
        toCrd(kind),
        {
          lineWidth: 0, // a description is one line: no folding to read around in a diff
          aliasDuplicateObjects: false, // a CRD is read by tools that know no anchors
        },
      )}`,
    ]),
  );
}

if (import.meta.main) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  for (const [path, text] of crdFiles()) {
    await mkdir(dirname(root + path), { recursive: true });
    await writeFile(root + path, text);
    process.stdout.write(`${path}\n`);
  }
}
