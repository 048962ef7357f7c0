import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { bundle } from '../../tools/build.ts';
import type { CpioFile } from './cpio.ts';
import type { Kernel } from './debian.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Below the root, so that what is bundled finds node_modules. */
const bundles = 'build/test/vm';
/** Where the agent stands in the machine, with koffi beside it as in its image. */
const home = 'opt/kube-bpf';

/**
 * The system of every machine: busybox, Node, the libbpf of this machine and, below /image, that of the agent's image; the
 * agent as it is shipped, and what drives it.
 */
export async function systemFiles(imageLibraries: string): Promise<CpioFile[]> {
  await bundle('agent', bundles);
  await build({
    absWorkingDir: root,
    entryPoints: ['test/vm/guest/main.ts'],
    outfile: `${bundles}/guest.js`,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    external: ['koffi'],
    logLevel: 'warning',
  });
  const [busybox, setpriv] = ['busybox', 'setpriv'].map((name) =>
    execFileSync('/bin/sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim(),
  );
  if (busybox === undefined || setpriv === undefined) throw new Error('no busybox, or no setpriv');
  return [
    { path: 'init', content: readFileSync(join(root, 'test/vm/guest/init.sh')), executable: true },
    program('bin/busybox', busybox),
    program('bin/node', process.execPath),
    program('bin/setpriv', setpriv),
    ...libraries([process.execPath, busybox, setpriv, libbpf()]),
    ...folder('image', imageLibraries).map((file) => ({ ...file, executable: true })),
    ...folder(`${home}`, join(root, bundles)),
    { path: `${home}/package.json`, content: Buffer.from('{"type": "module"}') },
    ...folder(`${home}/node_modules/koffi`, join(root, 'node_modules/koffi')),
    ...folder(`${home}/node_modules/@koromix`, join(root, 'node_modules/@koromix')),
    // Mount points.
    ...['proc', 'sys', 'dev', 'tmp'].map((name) => ({ path: `${name}/.keep`, content: new Uint8Array() })),
  ];
}

/** What only one kernel can use. */
export const modules = (kernel: Kernel): CpioFile[] => folder('modules', join(kernel.folder, 'modules'));

const program = (path: string, file: string): CpioFile => ({ path, content: readFileSync(file), executable: true });

/** All files below a folder of this machine. */
function folder(path: string, from: string): CpioFile[] {
  const entries = readdirSync(from, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({ path: `${path}${file.slice(from.length)}`, content: readFileSync(file) }));
}

/** Programs' and libraries' own libraries, at the places where the dynamic loader of this machine found them. */
function libraries(files: readonly string[]): CpioFile[] {
  const found = new Set(files.filter((file) => file.includes('.so')));
  for (const file of files) {
    // `libelf.so.1 => /lib/x86_64-linux-gnu/libelf.so.1 (0x…)`; the loader itself stands alone on its line. Of a program
    // that needs none ldd says so, with an exit code of 1.
    const { stdout } = spawnSync('ldd', [file], { encoding: 'utf8' });
    for (const [, library] of stdout.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm))
      if (library !== undefined) found.add(library);
  }
  return Array.from(found, (file) => program(file.slice(1), file));
}

/** From ldconfig's cache, as the agent's dlopen finds it. */
function libbpf(): string {
  const told = execFileSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' });
  const path = /^\s*libbpf\.so\.1 \(libc6,x86-64\) => (\S+)$/m.exec(told)?.[1];
  if (path === undefined) throw new Error('find libbpf.so.1: ldconfig knows none');
  return path;
}
