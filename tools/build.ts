import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { launcher, type nodeStarts } from './launcher.ts';
import { leanImports } from './lean-imports.ts';

/** One process of the product: its entry point becomes build/NAME.js, started by build/bin/bpf-NAME. */
const processes = ['agent', 'operator'] as const satisfies (keyof typeof nodeStarts)[];

/**
 * CommonJS packages inside an ES module need what CommonJS gives every file. The names are ours, so that they meet no
 * import of the same name.
 */
const commonJsGlobals = [
  "import { createRequire as createRequireOfBundle } from 'node:module';",
  'const require = createRequireOfBundle(import.meta.url);',
  'const __filename = import.meta.filename;',
  'const __dirname = import.meta.dirname;',
].join('\n');

const root = fileURLToPath(new URL('..', import.meta.url));

/** Bundles a process into a folder below the root (where the bundle finds node_modules), as `<folder>/<name>.js`. */
export async function bundle(name: (typeof processes)[number], folder: string): Promise<void> {
  rmSync(`${root}${folder}/${name}-chunks`, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: [`${name}/main.ts`],
    outdir: folder,
    entryNames: name,
    // What is imported lazily (client-node, which only a kubeconfig needs) becomes a file of its own, read when needed.
    splitting: true,
    chunkNames: `${name}-chunks/[name]-[hash]`,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    supported: { using: true }, // natively, as when it runs from its sources; else each becomes a stack of closures
    // A native module finds its binary beside its own files.
    external: ['koffi'],
    plugins: [leanImports],
    banner: { js: commonJsGlobals },
    // Node keeps the text in memory, so it is short; names stay, for errors and stack traces that read as in the source.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'linked',
    lineLimit: 160,
    keepNames: true,
    logLevel: 'warning',
  });
}

function writeLauncher(name: (typeof processes)[number]): void {
  mkdirSync(`${root}build/bin`, { recursive: true });
  const launcherPath = `${root}build/bin/bpf-${name}`;
  writeFileSync(launcherPath, launcher(name));
  chmodSync(launcherPath, 0o755);
  // npx looks here first. Left to itself it links the package into a cache of its own, once, with the launchers that are
  // there at that moment.
  const link = `${root}node_modules/.bin/bpf-${name}`;
  rmSync(link, { force: true });
  symlinkSync(`../../build/bin/bpf-${name}`, link);
}

if (import.meta.main) {
  const named = process.argv.slice(2);
  for (const name of processes) {
    if (named.length > 0 && !named.includes(name)) continue;
    await bundle(name, 'build');
    writeLauncher(name);
  }
}
