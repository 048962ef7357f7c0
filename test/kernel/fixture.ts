import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CompileOptions, compileBpf } from '../fixtures/compile.ts';

/** An object of test/fixtures/kernel. `hook` is what its SEC() says, `defines` more of the preprocessor. */
export function compileFixture(
  name: string,
  { hook, defines = [], ...options }: CompileOptions & { hook?: string; defines?: readonly string[] } = {},
): Uint8Array {
  const file = fileURLToPath(new URL(`../fixtures/kernel/${name}.bpf.c`, import.meta.url));
  const flags = [...(hook === undefined ? [] : [`-DHOOK="${hook}"`]), ...defines.map((define) => `-D${define}`)];
  return compileBpf(file, { ...options, flags });
}

/** A shared library for this machine with the USDT kube_bpf_test:poked; compiled once, and kept. */
export function compileProbedLibrary(): string {
  const folder = join(tmpdir(), 'kube-bpf-objects');
  const library = join(folder, 'libprobed.so');
  if (existsSync(library)) return library;
  mkdirSync(folder, { recursive: true });
  const draft = `${library}.${process.pid}`;
  const source = fileURLToPath(new URL('../fixtures/kernel/probed.c', import.meta.url));
  execFileSync('clang', ['-O2', '-shared', '-fPIC', '-nostdlib', '-o', draft, source]);
  renameSync(draft, library);
  return library;
}
