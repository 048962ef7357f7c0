import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { generatedFiles } from '../tools/generate.ts';
import { importCycles, orphans } from './tidy/graph.ts';
import { forbiddenImports } from './tidy/layers.ts';
import { readSourceFile, type SourceFile } from './tidy/source-file.ts';

/** Rules of ARCHITECTURE.md and CONTRIBUTING.md that a machine can judge. */

const root = join(import.meta.dirname, '..');

/** Longer files and functions are a smell; each of these is one thing that would read worse in two. */
const fileLimit = 300;
const functionLimit = 70;
const longFiles: Readonly<Record<string, string>> = {};
const longFunctions: Readonly<Record<string, string>> = {
  'agent/libbpf/ffi.ts: loadLibbpf': 'a table with a line for each foreign call: marshal, call, give back',
};

const product = ['crds', 'bpf', 'runtime', 'operator', 'agent'];
const isTest = (path: string) => path.startsWith('test/');
const isProgram = (path: string) => /^(agent|operator)\/main\.ts$/.test(path);

const filesUnder = (folder: string): string[] =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    : [];

const files: ReadonlyMap<string, SourceFile> = new Map(
  [...product, 'tools', 'test']
    .flatMap(filesUnder)
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .map((path) => [path, readSourceFile(root, path)]),
);
const all = [...files.values()];
const inProduct = all.filter((file) => product.some((folder) => file.path.startsWith(`${folder}/`)));
const places = (file: SourceFile, lines: readonly number[]) => lines.map((line) => `${file.path}:${line}`);

describe('imports', () => {
  test('go one way, as the layers allow', () => {
    expect(all.flatMap(forbiddenImports)).toEqual([]);
  });

  test('of the product name nothing of the tests or the tools', () => {
    const outside = inProduct.flatMap((file) =>
      file.imports
        .filter(({ target }) => /^(test|tools)\//.test(target))
        .map(({ target }) => `${file.path}: ${target}`),
    );
    expect(outside).toEqual([]);
  });

  test('name files that are there', () => {
    const missing = all.flatMap((file) =>
      file.imports
        .filter(({ target }) => target.endsWith('.ts') && !files.has(target))
        .map(({ target }) => `${file.path}: ${target}`),
    );
    expect(missing).toEqual([]);
  });

  test('make no cycle', () => {
    expect(importCycles(files)).toEqual([]);
  });

  test('reach every file from a process, a tool or a test; of the product, from a process or a tool', () => {
    const tools = [...files.keys()].filter((path) => path.startsWith('tools/'));
    const programs = [...[...files.keys()].filter(isProgram), ...tools];
    const shipped = new Map([...files].filter(([path]) => !isTest(path)));
    expect(orphans(shipped, programs)).toEqual([]);

    const startsTests = (path: string) =>
      path.endsWith('.test.ts') || /^test\/(run|bench\/run|runner\/progress-reporter|vm\/guest\/main)\.ts$/.test(path);
    expect(orphans(files, [...programs, ...[...files.keys()].filter(startsTests)])).toEqual([]);
  });
});

describe('the product', () => {
  test('reads the environment in main.ts only', () => {
    const readers = inProduct.filter((file) => !isProgram(file.path));
    expect(readers.flatMap((file) => places(file, file.environmentReads))).toEqual([]);
  });

  test('has no state at module level', () => {
    expect(inProduct.flatMap((file) => places(file, file.mutableState))).toEqual([]);
  });

  test('does nothing when it is imported', () => {
    const imported = inProduct.filter((file) => !isProgram(file.path));
    expect(imported.flatMap((file) => places(file, file.workAtImport))).toEqual([]);
  });

  test('has no file called after nothing in particular', () => {
    expect(
      inProduct.map((file) => file.path).filter((path) => /(^|\/)(utils?|helpers?|common|misc)\.ts$/.test(path)),
    ).toEqual([]);
  });
});

describe('length', () => {
  const measured = all.filter((file) => !file.path.endsWith('.test.ts'));

  test(`of files is ${fileLimit} lines at most, or has a reason here`, () => {
    const long = measured.filter((file) => file.lineCount > fileLimit).map((file) => file.path);
    expect(long.sort()).toEqual(Object.keys(longFiles).sort());
  });

  // In the tests a function may be a suite, which is a list.
  test(`of functions that are no test's is ${functionLimit} lines at most, or has a reason here`, () => {
    const long = measured
      .filter((file) => !isTest(file.path))
      .flatMap((file) =>
        file.functions.filter((each) => each.lineCount > functionLimit).map((each) => `${file.path}: ${each.name}`),
      );
    expect(long.sort()).toEqual(Object.keys(longFunctions).sort());
  });
});

test('generated files are what `make generate` would write, and nothing else stands among them', () => {
  const generated = generatedFiles();
  const stale = [...generated].filter(
    ([path, text]) => !existsSync(join(root, path)) || readFileSync(join(root, path), 'utf8') !== text,
  );
  expect(stale.map(([path]) => path)).toEqual([]);
  const folders = new Set([...generated.keys()].map((path) => dirname(path)));
  expect([...folders].flatMap(filesUnder).sort()).toEqual([...generated.keys()].sort());
});
