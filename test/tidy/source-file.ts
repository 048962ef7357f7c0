import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Module, parseSync } from '@swc/core';

/** What the rules look at in one TypeScript file. Lines count from 1. */
export interface SourceFile {
  /** From the root of the repository. */
  readonly path: string;
  readonly lineCount: number;
  readonly imports: readonly Import[];
  readonly functions: readonly FunctionSize[];
  /** `let` and `var` at the top level: state that outlives every caller. */
  readonly mutableState: readonly number[];
  /** Statements that do something when the file is imported; `if (import.meta.main)` is none. */
  readonly workAtImport: readonly number[];
  readonly environmentReads: readonly number[];
}

export interface Import {
  /** The file's path from the root for a relative import, else as written: a package or `node:…`. */
  readonly target: string;
  readonly kind: 'value' | 'type' | 'lazy';
}

export interface FunctionSize {
  readonly name: string;
  readonly line: number;
  readonly lineCount: number;
}

interface Node {
  readonly type: string;
  readonly span?: { readonly start: number; readonly end: number };
  readonly [property: string]: unknown;
}

const functionTypes: ReadonlySet<string> = new Set([
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'Constructor',
  'ClassMethod',
  'PrivateMethod',
  'MethodProperty',
  'GetterProperty',
  'SetterProperty',
]);

/** Declarations and blocks that only define something. Everything else at the top level runs. */
const declarations: ReadonlySet<string> = new Set([
  'ImportDeclaration',
  'ExportDeclaration',
  'ExportNamedDeclaration',
  'ExportAllDeclaration',
  'FunctionDeclaration',
  'ClassDeclaration',
  'VariableDeclaration',
  'TsInterfaceDeclaration',
  'TsTypeAliasDeclaration',
  'TsModuleDeclaration',
  'EmptyStatement',
]);

export const readSourceFile = (root: string, path: string): SourceFile =>
  parseSourceFile(path, readFileSync(join(root, path)));

export function parseSourceFile(path: string, source: Uint8Array): SourceFile {
  const module = parseSync(Buffer.from(source).toString(), {
    syntax: 'typescript',
    target: 'esnext',
  });
  // Spans count bytes of UTF-8 from 1.
  const lineAt = (position: number) => countLineBreaks(source.subarray(0, position - 1)) + 1;
  const lineOf = (node: Node) => lineAt(node.span?.start ?? 1);

  const imports: Import[] = [];
  const functions: FunctionSize[] = [];
  const environmentReads: number[] = [];
  walk(module as unknown as Node, undefined, (node, parent) => {
    const found = importOf(node);
    if (found !== undefined) imports.push({ kind: found.kind, target: targetOf(path, found.specifier) });
    if (functionTypes.has(node.type) && node.span !== undefined) {
      const line = lineOf(node);
      functions.push({ name: nameOf(node, parent), line, lineCount: lineAt(node.span.end - 1) - line + 1 });
    }
    if (
      node.type === 'MemberExpression' &&
      identifier(node['object']) === 'process' &&
      identifier(node['property']) === 'env'
    ) {
      environmentReads.push(lineOf(node));
    }
  });

  const body = (module as Module).body as unknown as readonly Node[];
  return {
    path,
    lineCount: countLineBreaks(source),
    imports,
    functions,
    mutableState: body.filter(isMutable).map(lineOf),
    workAtImport: body.filter((node) => !declarations.has(node.type) && !isMainBlock(node)).map(lineOf),
    environmentReads,
  };
}

function walk(node: Node, parent: Node | undefined, visit: (node: Node, parent: Node | undefined) => void): void {
  visit(node, parent);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) walk(child, node, visit);
      // A call's argument is wrapped in an object without a type: {spread, expression}.
      else if (isNode((child as { expression?: unknown } | null | undefined)?.expression)) {
        walk((child as { expression: Node }).expression, node, visit);
      }
    }
  }
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';

const identifier = (node: unknown): string | undefined =>
  isNode(node) && node.type === 'Identifier' ? String(node['value']) : undefined;

function importOf(node: Node): { specifier: string; kind: Import['kind'] } | undefined {
  const source = node['source'];
  const specifier = isNode(source) && source.type === 'StringLiteral' ? String(source['value']) : undefined;
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportAllDeclaration':
    case 'ExportNamedDeclaration':
      return specifier === undefined ? undefined : { specifier, kind: node['typeOnly'] === true ? 'type' : 'value' };
    case 'CallExpression': {
      const callee = node['callee'];
      if (!isNode(callee) || callee.type !== 'Import') return undefined;
      const argument = (node['arguments'] as readonly { expression: Node }[])[0]?.expression;
      return argument?.type === 'StringLiteral' ? { specifier: String(argument['value']), kind: 'lazy' } : undefined;
    }
    // new URL('./worker.ts', import.meta.url): a file that is started as a process of its own.
    case 'NewExpression': {
      const path = (node['arguments'] as readonly { expression: Node }[] | undefined)?.[0]?.expression;
      const isSource = path?.type === 'StringLiteral' && /^\.{1,2}\/.*\.ts$/.test(String(path['value']));
      return identifier(node['callee']) === 'URL' && isSource
        ? { specifier: String(path['value']), kind: 'lazy' }
        : undefined;
    }
    default:
      return undefined;
  }
}

const targetOf = (path: string, specifier: string) =>
  specifier.startsWith('.') ? join(dirname(path), specifier) : specifier;

function nameOf(node: Node, parent: Node | undefined): string {
  if (node.type === 'Constructor') return 'constructor';
  const own = node['identifier'] ?? node['key'];
  const given = parent?.type === 'VariableDeclarator' ? parent['id'] : parent?.['key'];
  for (const candidate of [own, given]) {
    if (isNode(candidate) && typeof candidate['value'] === 'string') return candidate['value'];
  }
  return 'a function without a name';
}

function isMutable(node: Node): boolean {
  const declaration = node.type === 'ExportDeclaration' ? (node['declaration'] as Node) : node;
  return declaration.type === 'VariableDeclaration' && declaration['kind'] !== 'const';
}

/** `if (import.meta.main) { … }`: runs when the file is the program, not when it is imported. */
function isMainBlock(node: Node): boolean {
  const test = node['test'];
  return (
    node.type === 'IfStatement' &&
    isNode(test) &&
    test.type === 'MemberExpression' &&
    isNode(test['object']) &&
    test['object'].type === 'MetaProperty' &&
    identifier(test['property']) === 'main'
  );
}

function countLineBreaks(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) count++;
  return count;
}
