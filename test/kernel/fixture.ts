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
