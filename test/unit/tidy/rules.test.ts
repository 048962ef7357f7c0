import { importCycles, orphans } from '../../tidy/graph.ts';
import { forbiddenImports } from '../../tidy/layers.ts';
import { parseSourceFile } from '../../tidy/source-file.ts';

const parse = (path: string, text: string) => parseSourceFile(path, Buffer.from(text));
const tree = (files: Record<string, string>) =>
  new Map(Object.entries(files).map(([path, text]) => [path, parse(path, text)]));

describe('a source file', () => {
  test('tells its imports, by kind', () => {
    const text = [
      "import { a } from './a.ts';",
      "import type { B } from '../b.ts';",
      "export * from './c.ts';",
      "export type { D } from './d.ts';",
      "const lazy = async () => call(await import('koffi'));",
      "const worker = new URL('./worker.ts', import.meta.url);",
      "const root = new URL('../..', import.meta.url);",
      'export const here = 1;',
    ].join('\n');
    expect(parse('agent/kernel/x.ts', text).imports).toEqual([
      { target: 'agent/kernel/a.ts', kind: 'value' },
      { target: 'agent/b.ts', kind: 'type' },
      { target: 'agent/kernel/c.ts', kind: 'value' },
      { target: 'agent/kernel/d.ts', kind: 'type' },
      { target: 'koffi', kind: 'lazy' },
      { target: 'agent/kernel/worker.ts', kind: 'lazy' },
    ]);
  });

  test('tells the size of each function, behind text that is not ASCII', () => {
    const text = '// é\nfunction a() {\n  return 1;\n}\nconst b = () => 1;\nclass C {\n  d() {\n  }\n}\n';
    expect(parse('x.ts', text).functions).toEqual([
      { name: 'a', line: 2, lineCount: 3 },
      { name: 'b', line: 5, lineCount: 1 },
      { name: 'd', line: 7, lineCount: 2 },
    ]);
    expect(parse('x.ts', text).lineCount).toBe(9);
  });

  test.each([
    ['let a = 1;', 'mutableState', [1]],
    ['\nexport let a = 1;', 'mutableState', [2]],
    ['const a = 1;\nexport const b = () => {\n  let c = 1;\n};', 'mutableState', []],
    ['start();', 'workAtImport', [1]],
    ['const a = 1;\nawait b();', 'workAtImport', [2]],
    ['if (a) b();', 'workAtImport', [1]],
    ['if (import.meta.main) b();', 'workAtImport', []],
    ['export const a = 1;\nfunction b() {\n  c();\n}', 'workAtImport', []],
    ["f(process.env['A']);", 'environmentReads', [1]],
    ['\nconst { A } = process.env;', 'environmentReads', [2]],
    ['const a = other.env;', 'environmentReads', []],
  ] as const)('%j: %s at %j', (text, what, lines) => {
    expect(parse('x.ts', text)[what]).toEqual(lines);
  });
});

test.each([
  ['crds/a.ts', "import { z } from 'zod';", true],
  ['crds/a.ts', "import 'node:fs';", false],
  ['bpf/object/a.ts', "import { b } from './b.ts';", true],
  ['bpf/object/a.ts', "import { b } from '../../crds/b.ts';", false],
  ['bpf/metrics/a.ts', "import { b } from '../object/b.ts';", true],
  ['bpf/metrics/a.ts', "import { b } from '../../runtime/b.ts';", false],
  ['runtime/a.ts', "import { b } from '../crds/b.ts';", false],
  ['operator/a.ts', "import { b } from '../agent/b.ts';", false],
  ['agent/a.ts', "import { b } from '../operator/b.ts';", false],
  ['agent/kernel/a.ts', "import { b } from '../libbpf/binding.ts';", true],
  ['agent/kernel/a.ts', "import { b } from '../libbpf/ffi.ts';", false],
  ['agent/kernel/a.ts', "import { b } from '../programs/b.ts';", false],
  ['agent/metrics/a.ts', "import { b } from '../programs/b.ts';", false],
  ['agent/main.ts', "import { b } from './libbpf/ffi.ts';", true],
  ['agent/libbpf/ffi.ts', "import koffi from 'koffi';", true],
  ['agent/libbpf/binding.ts', "import koffi from 'koffi';", false],
  ['runtime/kube/a.ts', "import type { V1Pod } from '@kubernetes/client-node';", true],
  ['runtime/kube/a.ts', "const c = () => import('@kubernetes/client-node');", true],
  ['runtime/kube/a.ts', "import { KubeConfig } from '@kubernetes/client-node';", false],
  ['operator/a.ts', "import { zodToJson } from 'zodx';", false],
  ['test/a.ts', "import { b } from '../agent/b.ts';", true],
])('%s with %s: %s', (path, text, allowed) => {
  expect(forbiddenImports(parse(path, text))).toHaveLength(allowed ? 0 : 1);
});

test('a cycle is named from end to end, a lazy import makes none', () => {
  const files = {
    'a.ts': "import './b.ts';",
    'b.ts': "import './c.ts';",
    'c.ts': "import type { A } from './a.ts';",
    'd.ts': "import './a.ts';",
  };
  expect(importCycles(tree(files))).toEqual(['a.ts → b.ts → c.ts → a.ts']);
  expect(importCycles(tree({ ...files, 'c.ts': "const a = () => import('./a.ts');" }))).toEqual([]);
});

test('an orphan is what no entry reaches, also where orphans import each other', () => {
  const files = tree({
    'main.ts': "import './used.ts';",
    'used.ts': "const later = () => import('./lazy.ts');",
    'lazy.ts': '',
    'left.ts': "import './over.ts';",
    'over.ts': '',
  });
  expect(orphans(files, ['main.ts'])).toEqual(['left.ts', 'over.ts']);
});
