import { parseAllDocuments } from 'yaml';
import { libraryManifest } from '../../fixtures/library.ts';
import type { AgentHome, RunningAgent } from '../agent-process.ts';

interface Spec {
  globals?: object;
  maps?: readonly object[];
  programs?: readonly { readonly firstOf?: readonly string[] }[];
}

/**
 * An agent that runs one program of the library, as its manifest says, but with these globals and sizes of maps, and
 * of twins with this one only: 0 is the first.
 */
export async function runProgram(
  home: AgentHome,
  name: string,
  {
    globals,
    maps,
    twin,
  }: { readonly globals?: object; readonly maps?: readonly object[]; readonly twin?: number } = {},
): Promise<RunningAgent> {
  const [configMap, bpf] = parseAllDocuments(libraryManifest(name)).map((document) => document.toJS() as object);
  const { spec } = bpf as { spec: Spec };
  if (globals !== undefined) spec.globals = globals;
  if (maps !== undefined) spec.maps = maps;
  if (twin !== undefined) {
    spec.programs = (spec.programs ?? []).flatMap(({ firstOf = [], ...rest }) =>
      firstOf.length === 0 ? [rest] : firstOf.map((program, index) => ({ name: program, enabled: index === twin })),
    );
  }
  home.write(`${name}.json`, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [configMap, bpf] }));
  const agent = await home.start();
  await agent.until('bpf_agent_programs{node="n1",state="ready"}', '1');
  return agent;
}

/** Sums a metric over the series that have all of these labels. */
export async function sumOf(
  agent: RunningAgent,
  metric: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const wanted = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return (await agent.metrics())
    .split('\n')
    .filter(
      (line) => line.startsWith(`${metric}{`) && wanted.every((label) => new RegExp(`[{,]${label}[,}]`).test(line)),
    )
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
