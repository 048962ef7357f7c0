/** How Node is started for a process: flags of its own, and of the C library by environment. */
export interface NodeStart {
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * The agent runs on every node, so memory counts there more than a percent of speed. Measured in docs/metrics.md.
 *
 * - V8 lets the young generation grow to 48 MiB, and the old one to a multiple of what is in use, before it looks for
 *   what can go; what requests leave is kept that long. 1,500 scrapes came to 64 MiB so.
 * - V8 has a quick compiler between its interpreter and those that optimize. What the agent does often is optimized anyway.
 * - glibc gives each of Node's ten threads an arena of its own, and keeps what is freed in each; and once a buffer of a
 *   megabyte was freed, it no longer takes such from the system and gives them back, unless a threshold is set.
 */
const agent: NodeStart = {
  flags: ['--max-semi-space-size=2', '--heap-growing-percent=20', '--no-sparkplug'],
  environment: { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: '131072' },
};
const operator: NodeStart = { flags: [], environment: {} };

export const nodeStarts = { agent, operator } as const;

/**
 * A shell script for `<build>/bin/bpf-NAME` that starts `<build>/NAME.js`, with the Node of the checkout's node_modules,
 * whatever Node the machine has, or with the machine's, where there is no checkout. Resolves links, as npx makes them.
 */
export function launcher(name: keyof typeof nodeStarts): string {
  const { flags, environment } = nodeStarts[name];
  return [
    '#!/bin/sh',
    '# Written by tools/build.ts; flags and environment are in tools/launcher.ts.',
    'build=$(dirname "$(dirname "$(readlink -f "$0")")")',
    'node=$build/../node_modules/.bin/node',
    '[ -x "$node" ] || node=node',
    ...Object.entries(environment).map(([variable, value]) => `export ${variable}="\${${variable}-${value}}"`),
    `exec "$node" ${[...flags, `"$build/${name}.js"`].join(' ')} "$@"`,
    '',
  ].join('\n');
}
