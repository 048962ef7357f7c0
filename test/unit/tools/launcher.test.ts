import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { launcher, nodeStarts } from '../../../tools/launcher.ts';

describe.each(['agent', 'operator'] as const)('launcher of the %s', (name) => {
  const { flags, environment } = nodeStarts[name];
  const folder = mkdtempSync(join(tmpdir(), 'kube-bpf-launcher-'));
  const script = join(folder, 'build', 'bin', `bpf-${name}`);
  const link = join(folder, 'link');
  afterAll(() => rmSync(folder, { recursive: true }));
  beforeAll(() => {
    mkdirSync(dirname(script), { recursive: true });
    writeFileSync(script, launcher(name));
    chmodSync(script, 0o755);
    symlinkSync(script, link);
    writeFileSync(
      join(folder, 'build', `${name}.js`),
      'console.log(JSON.stringify([process.execPath, process.execArgv, process.argv.slice(2), process.env]));',
    );
  });

  const start = (path: string, env: NodeJS.ProcessEnv = {}) => {
    const PATH = `${dirname(process.execPath)}:/usr/bin:/bin`;
    const text = execFileSync(path, ['--a', 'b c'], { encoding: 'utf8', env: { PATH, ...env } });
    return JSON.parse(text) as [string, string[], string[], Record<string, string>];
  };

  test.each([
    ['itself', script],
    ['a link to it', link],
  ])('starts Node through %s, with its flags, environment and arguments', (_, path) => {
    const [execPath, execArgv, argv, env] = start(path);
    expect(execPath).toBe(process.execPath);
    expect(execArgv).toEqual(flags);
    expect(argv).toEqual(['--a', 'b c']);
    expect(env).toMatchObject(environment);
  });

  test('prefers the Node of the checkout around it', () => {
    const bin = join(folder, 'node_modules', '.bin');
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, 'node'), '#!/bin/sh\necho \'["of the checkout"]\'\n');
    chmodSync(join(bin, 'node'), 0o755);
    expect(start(script)).toEqual(['of the checkout']);
    rmSync(join(folder, 'node_modules'), { recursive: true });
  });

  test('leaves a variable that somebody set as it is', () => {
    const others = Object.fromEntries(Object.keys(environment).map((variable) => [variable, '7']));
    const [, , , env] = start(script, others);
    expect(env).toMatchObject(others);
  });
});
