import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Registry } from 'prom-client';
import type { z } from 'zod';
import { agentConfig } from '../../../agent/config.ts';
import { OwnMetrics } from '../../../agent/metrics/own.ts';
import { programRunFamilies } from '../../../agent/metrics/program-runs.ts';
import { bpfKind } from '../../../crds/bpf.ts';
import { decoderInputs } from '../../../crds/decoder.ts';
import { bpfConditions, nodeConditions, nodeReasons, phases } from '../../../crds/reasons.ts';
import { toCrd } from '../../../crds/to-crd.ts';
import { operatorConfig } from '../../../operator/config.ts';
import { type Gauged, registerGauges } from '../../../operator/gauges.ts';
import { OperatorMetrics } from '../../../operator/metrics.ts';
import { type ConfigSpec, parseConfig } from '../../../runtime/config.ts';
import { documentedQueries, libraryNames, metricsIn, resolveLibrary, seriesNames } from '../../fixtures/library.ts';

/** The pages say what the code does: no flag, field, reason or metric too few, and none that is gone. */

const root = join(import.meta.dirname, '../../..');
const page = (path: string) => readFileSync(join(root, path), 'utf8');

/** The rows of all tables of a page, cells trimmed; `\|` is not used in them. */
const rows = (text: string): string[][] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\|[-|]+$/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

/** Of the table whose first column is headed so, without the heading. */
function table(text: string, ...heading: string[]): string[][] {
  const start = text.indexOf(`| ${heading.join(' | ')} |`);
  if (start < 0) throw new Error(`no table | ${heading.join(' | ')} |`);
  const [block = ''] = text.slice(start).split('\n\n');
  return rows(block).slice(1);
}

/** What stands in backticks; not what stands in blocks. */
const code = (text = ''): string[] =>
  [...text.replace(/^```.*?^```/gms, '').matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '');

function helpOf<Schema extends z.ZodObject>(spec: ConfigSpec<Schema>): string {
  const help = parseConfig(spec, { argv: ['--help'], env: {} });
  if (help.type !== 'help') throw new Error(help.type);
  return help.text;
}

describe('flags', () => {
  test.each([
    { path: 'docs/agent.md', help: helpOf(agentConfig) },
    { path: 'docs/operator.md', help: helpOf(operatorConfig) },
  ])('of --help are in $path, with their variables and defaults', ({ path, help }) => {
    const wanted = [...help.matchAll(/^ {2}(--[a-z-]+)[^\n]*\n {6}[^\n]*\(([^()]+)\)$/gm)].map(
      ([, flag = '', notes = '']) => {
        const [, value] = /default ([^;]+)/.exec(notes) ?? [];
        return {
          flag,
          variables: notes.match(/\b[A-Z]+_[A-Z_]+\b/g) ?? [],
          value: flag === '--node-name' ? undefined : value,
        };
      },
    );
    expect(wanted.length).toBeGreaterThan(9);
    const documented = table(page(path), 'flag', 'environment', 'default', 'meaning');
    expect(documented.map(([flag]) => code(flag)[0])).toEqual(wanted.map(({ flag }) => flag));
    expect(documented.map(([, variables]) => code(variables))).toEqual(wanted.map(({ variables }) => [...variables]));
    for (const [index, { value }] of wanted.entries()) {
      if (value !== undefined) expect(code(documented[index]?.[2])).toEqual([value]);
    }
  });
});

describe('fields of a BPF', () => {
  interface Schema {
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly items?: Schema;
  }
  const schema: Schema = toCrd(bpfKind).spec.versions[0]?.schema.openAPIV3Schema ?? {};
  const { spec = {}, status = {} } = schema.properties ?? {};

  function* paths(schema: Schema, at: string, isLeaf: (path: string) => boolean): Generator<string> {
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      const inner = field.items?.properties === undefined ? field : field.items;
      const path = `${at}.${name}`;
      const open = inner.properties !== undefined && !isLeaf(path);
      yield path;
      if (open) yield* paths(inner, field.items === undefined ? path : `${path}[]`, isLeaf);
    }
  }

  test('spec', () => {
    const documented = table(page('docs/bpf.md'), 'field', 'type, default', 'meaning').map(([field]) => code(field)[0]);
    const isLeaf = (path: string) => path === 'spec.affinity' || path === 'spec.metrics';
    expect(documented.sort()).toEqual([...paths(spec, 'spec', isLeaf)].sort());
  });

  test('spec.metrics, on its own page', () => {
    const documented = table(page('docs/metrics.md'), 'field', 'type, default', 'meaning').flatMap(([field]) =>
      code(field),
    );
    const metrics = spec.properties?.['metrics'] ?? {};
    const all = [...paths(metrics, '', () => false)].map((path) => path.slice(1));
    expect(all.length).toBeGreaterThan(40);
    expect(documented.sort()).toEqual(all.sort());
  });

  test('spec.affinity, whose fields are those of a Pod', () => {
    const words = new Set(page('docs/bpf.md').match(/[A-Za-z]+/g));
    const names = [...paths(spec.properties?.['affinity'] ?? {}, '', () => false)].map(
      (path) => path.split('.').at(-1) ?? '',
    );
    expect(names.length).toBeGreaterThan(7);
    expect(names.filter((name) => !words.has(name.replace('[]', '')))).toEqual([]);
  });

  test('status', () => {
    const documented = table(page('docs/bpf.md'), 'field', 'meaning').flatMap(([field]) => code(field));
    const all = [...paths(status, 'status', (path) => path === 'status.conditions')];
    const leaves = all.filter(
      (path) => !all.some((other) => other.startsWith(`${path}.`) || other.startsWith(`${path}[]`)),
    );
    expect(documented.sort()).toEqual(leaves.sort());
  });
});

describe('reasons', () => {
  const verdicts = (conditions: Readonly<Record<string, { True: object; False: object }>>): string[] =>
    Object.entries(conditions).flatMap(([type, table]) =>
      (['True', 'False'] as const).flatMap((status) =>
        Object.keys(table[status]).map((reason) => `${type} ${status} ${reason}`),
      ),
    );
  const documented = (path: string, ...heading: string[]) =>
    table(page(path), ...heading).map(([type, status, reason]) => `${code(type)[0]} ${status} ${code(reason)[0]}`);

  test('of conditions of a BPF', () => {
    const heading = ['condition', 'status', 'reason', 'meaning', 'what to do'];
    expect(documented('docs/bpf.md', ...heading).sort()).toEqual(verdicts(bpfConditions).sort());
  });

  test('of conditions of a BPFNode', () => {
    const heading = ['condition', 'status', 'reason', 'meaning'];
    expect(documented('docs/agent.md', ...heading).sort()).toEqual(verdicts(nodeConditions).sort());
  });

  test('of programs on a node', () => {
    const reasons = table(page('docs/agent.md'), 'reason', 'meaning', 'cure').map(([reason]) => code(reason)[0]);
    expect(reasons.sort()).toEqual(Object.keys(nodeReasons).sort());
  });

  test('phases, in their order', () => {
    const documentedPhases = table(page('docs/bpf.md'), 'phase', 'the first that applies').map(
      ([phase]) => code(phase)[0],
    );
    expect(documentedPhases).toEqual(Object.keys(phases));
  });
});

describe('own metrics', () => {
  const namesOf = async (registry: Registry, prefix: string) =>
    (await registry.getMetricsAsJSON()).map(({ name }) => name).filter((name) => name.startsWith(prefix));

  test("are the agent's", async () => {
    const registry = new Registry();
    new OwnMetrics(registry, { node: 'n1', version: '0', kubernetes: true });
    const documented = table(page('docs/metrics.md'), 'metric', 'type', 'labels', 'meaning').map(
      ([name]) => code(name)[0],
    );
    const families = [...(await namesOf(registry, 'bpf_agent_')), ...Object.keys(programRunFamilies)];
    expect(documented.sort()).toEqual(families.sort());
  });

  test("are those of the agent's process", async () => {
    const registry = new Registry();
    new OwnMetrics(registry, { node: 'n1', version: '0', kubernetes: true });
    const documented = table(page('docs/metrics.md'), 'metric of the process', 'type', 'meaning');
    const metrics = (await registry.getMetricsAsJSON()).filter(({ name }) => !name.startsWith('bpf_agent_'));
    expect(documented.flatMap(([names, type]) => code(names).map((name) => [name, type])).sort()).toEqual(
      metrics.map(({ name, type }) => [name, String(type)]).sort(),
    );
  });

  test("are the operator's", async () => {
    const registry = new Registry();
    new OperatorMetrics(registry);
    const none = { size: 0, list: () => [] } as unknown as Gauged['caches']['bpfs'] & Gauged['caches']['payloads'];
    registerGauges(registry, { caches: { bpfs: none, payloads: none }, nodes: () => [] });
    const documented = table(page('docs/operator.md'), 'metric', 'meaning').flatMap(([names]) => code(names));
    expect(documented.sort()).toEqual((await namesOf(registry, 'bpf_operator_')).sort());
  });
});

describe('docs/programs.md', () => {
  const planned = (name: string): string[] => {
    const resolution = resolveLibrary(name);
    if (!resolution.ok) throw new Error(resolution.message);
    return seriesNames(resolution.revision.plan);
  };

  test.each(libraryNames)('has a section on %s that names its series, and what it costs', (name) => {
    const text = page('docs/programs.md');
    const [, behind] = text.split(`\n## ${name}\n`);
    const [section = ''] = behind?.split('\n## ') ?? [];
    const families = new Set(planned(name).map((metric) => metric.replace(/_(bucket|sum|count)$/, '')));
    const words = new Set(section.match(/\w+/g));
    expect([...families].filter((family) => !words.has(family))).toEqual([]);
    expect(section).toContain('```promql\n');
    const costs = table(text, 'program', 'runs on', 'ns a run', 'memory of maps, KiB', 'series a node');
    expect(costs.filter(([cell, ...rest]) => cell === `\`${name}\`` && !rest.includes(''))).toHaveLength(1);
  });

  test('has queries of what the library exports, and of nothing else', () => {
    const exported = new Set(libraryNames.flatMap(planned));
    const queries = documentedQueries();
    expect(queries.length).toBeGreaterThan(libraryNames.length);
    const strange = queries.filter(
      (query) => metricsIn(query).length === 0 || metricsIn(query).some((name) => !exported.has(name)),
    );
    expect(strange).toEqual([]);
  });
});

test('every decoder is in docs/metrics.md', () => {
  const documented = table(page('docs/metrics.md'), 'decoder', 'takes', 'shows', 'where it cannot');
  expect(documented.map(([name]) => code(name)[0]).sort()).toEqual(Object.keys(decoderInputs).sort());
});

describe('links and paths', () => {
  const pages = [
    ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md'],
    ...readdirSync(join(root, 'docs')).map((file) => `docs/${file}`),
  ];
  /** As GitHub makes them of headings. */
  const anchors = (text: string) =>
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    );

  test.each(pages)('of %s lead to pages and headings that are there', (path) => {
    const broken = [...page(path).matchAll(/\]\(([^)]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^https?:/.test(target))
      .filter((target) => {
        const [file = '', anchor] = target.split('#');
        const found = file === '' ? path : join(dirname(path), file);
        return !existsSync(join(root, found)) || (anchor !== undefined && !anchors(page(found)).includes(anchor));
      });
    expect(broken).toEqual([]);
  });

  test.each(['ARCHITECTURE.md', 'CONTRIBUTING.md'])('of %s in the tree are there', (path) => {
    const inTree = /^(agent|bpf|charts|crds|operator|runtime|test|tools)\/[\w./-]+$/;
    const named = code(page(path)).filter((text) => inTree.test(text) && !text.includes('NAME'));
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((text) => !existsSync(join(root, text)))).toEqual([]);
  });
});
