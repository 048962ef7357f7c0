import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { build, type Plugin } from 'esbuild';
import { leanImports } from '../../../tools/lean-imports.ts';

/** Bundles a program as tools/build.ts does, and returns what it writes as JSON. */
async function run(program: string, plugins: Plugin[] = [leanImports]): Promise<unknown> {
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: import.meta.dirname, loader: 'ts' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    write: false,
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(process.cwd() + '/');" },
    plugins,
    logLevel: 'silent',
  });
  const [{ text } = { text: '' }] = outputFiles;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '--eval', text], { encoding: 'utf8' }));
}

const loaded = "process.moduleLoadList.map((name) => name.replace('NativeModule ', ''))";

describe('lean imports', () => {
  const server = `import { createServer } from 'node:http'; console.log(JSON.stringify([typeof createServer, ${loaded}]));`;
  const undici = 'internal/deps/undici/undici';

  test('node:http comes without undici', async () => {
    const [type, modules] = (await run(server)) as [string, string[]];
    expect(type).toBe('function');
    expect(modules).toContain('_http_server');
    expect(modules).not.toContain(undici);
  });

  test('which an import of Node brings along: when it no longer does, the plugin can go', async () => {
    const [, modules] = (await run(server, [])) as [string, string[]];
    expect(modules).toContain(undici);
  });

  test('a builtin is what it is to an import: by name, as default, as namespace', async () => {
    const program = `
      import path, { join } from 'node:path';
      import * as all from 'node:path';
      console.log(JSON.stringify([join('a', 'b'), path.join === join, all.join === join, all.posix.sep]));`;
    expect(await run(program)).toEqual(['a/b', true, true, '/']);
  });

  test('prom-client comes without its client of a push gateway', async () => {
    const program = `
      import { Counter, Registry } from 'prom-client';
      const registry = new Registry();
      new Counter({ name: 'x_total', help: 'X.', registers: [registry] }).inc();
      console.log(JSON.stringify([await registry.metrics(), ${loaded}]));`;
    const [text, modules] = (await run(program)) as [string, string[]];
    expect(text).toBe('# HELP x_total X.\n# TYPE x_total counter\nx_total 1\n');
    expect(modules).not.toContain('https');
  });

  test('and a part of prom-client that is not in the list is an error', async () => {
    const program = "import { Pushgateway } from 'prom-client'; console.log(typeof Pushgateway);";
    await expect(run(program)).rejects.toThrow('No matching export');
  });

  test('the classes are those of its main file', () => {
    const require = createRequire(import.meta.url);
    const whole = require('prom-client') as Record<string, unknown>;
    expect(whole['Counter']).toBe(require('prom-client/lib/counter'));
    expect(whole['collectDefaultMetrics']).toBe(require('prom-client/lib/defaultMetrics'));
  });
});
