import type { SourceFile } from './source-file.ts';

/**
 * Who may import what (ARCHITECTURE.md). The row with the longest matching `files` counts for a file. An entry of `may`
 * is the beginning of a path in the repository, `node:`, or a package's name.
 */
const layers: readonly { readonly files: string; readonly may: readonly string[] }[] = [
  { files: 'crds/', may: ['crds/', 'zod'] },
  // Pure functions on bytes: they ask the machine nothing.
  { files: 'bpf/object/', may: ['bpf/object/'] },
  { files: 'bpf/', may: ['bpf/', 'crds/'] },
  // Knows nothing of BPF.
  { files: 'runtime/', may: ['runtime/', 'node:', 'pino', 'prom-client', 'zod', '@kubernetes/client-node'] },
  // Operator and agent meet in the API only.
  {
    files: 'operator/',
    may: ['operator/', 'crds/', 'bpf/', 'runtime/', 'node:', 'pino', 'prom-client', 'yaml', 'zod'],
  },
  { files: 'agent/', may: ['agent/', 'crds/', 'bpf/', 'runtime/', 'node:', 'pino', 'prom-client', 'yaml', 'zod'] },
  // Inside the agent: libbpf ← kernel ← programs, metrics.
  { files: 'agent/libbpf/', may: ['agent/libbpf/', 'runtime/', 'node:'] },
  { files: 'agent/libbpf/ffi.ts', may: ['agent/libbpf/', 'runtime/', 'node:', 'koffi'] },
  { files: 'agent/kernel/', may: ['agent/kernel/', 'agent/libbpf/', 'crds/', 'bpf/', 'runtime/', 'node:'] },
  {
    files: 'agent/source/',
    may: ['agent/source/', 'crds/', 'bpf/', 'runtime/', 'node:', 'prom-client', 'yaml', 'zod'],
  },
  {
    files: 'agent/programs/',
    may: [
      'agent/programs/',
      'agent/kernel/',
      'agent/libbpf/',
      'agent/source/',
      'crds/',
      'bpf/',
      'runtime/',
      'node:',
      'prom-client',
      'zod',
    ],
  },
  {
    files: 'agent/metrics/',
    may: ['agent/metrics/', 'agent/kernel/', 'agent/libbpf/', 'crds/', 'bpf/', 'runtime/', 'node:', 'prom-client'],
  },
  { files: 'tools/', may: ['tools/', 'crds/', 'runtime/', 'node:', 'esbuild', 'yaml', 'zod'] },
];

/** client-node costs 80 MB of memory: its types are free, its code is loaded only when a kubeconfig needs it. */
const lazyOnly = '@kubernetes/client-node';
/** koffi's binding: the agent's main joins it with what is written against the interface. */
const binding = 'agent/libbpf/ffi.ts';

/** The imports of a file that its layer does not allow, as sentences. */
export function forbiddenImports(file: SourceFile): string[] {
  const layer = layers
    .filter((row) => file.path.startsWith(row.files))
    .reduce<(typeof layers)[number] | undefined>(
      (best, row) => (best && best.files.length > row.files.length ? best : row),
      undefined,
    );
  if (layer === undefined) return [];
  return file.imports
    .filter(({ target, kind }) => {
      if (target === lazyOnly && kind === 'type') return false;
      if (target === lazyOnly && kind === 'value') return true;
      if (target === binding && file.path !== 'agent/main.ts' && !file.path.startsWith('agent/libbpf/')) return true;
      if (target.startsWith('node:')) return !layer.may.includes('node:');
      return !layer.may.some((allowed) => (allowed.endsWith('/') ? target.startsWith(allowed) : target === allowed));
    })
    .map(({ target, kind }) => `${file.path} may not import ${target} (${kind})`);
}
