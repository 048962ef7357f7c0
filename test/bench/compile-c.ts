import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Compiles a C program of this folder for this machine and returns its path below `folder`. Throws when clang refuses it. */
export function compileC(name: 'scrape' | 'client' | 'churn', folder: string): string {
  const binary = join(folder, name);
  const source = fileURLToPath(new URL(`./${name}.c`, import.meta.url));
  execFileSync('clang', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', binary, source, '-lbpf'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return binary;
}
