import { command } from './command.ts';
import type { Outcome } from './outcome.ts';

const checks = [
  { what: 'types (tsc)', file: 'tsc', args: ['-p', '.'] },
  {
    what: 'lint and format (biome)',
    file: 'biome',
    args: ['check', '--error-on-warnings', '--max-diagnostics=50', '.'],
  },
] as const;

/** What the compiler and the linter say of the whole tree, each as one test. */
export async function runChecks(): Promise<Outcome> {
  const failures = [];
  for (const check of checks) {
    const { ok, output } = await command(check.file, check.args);
    if (!ok) failures.push({ what: check.what, message: output });
  }
  return { passed: checks.length - failures.length, failures, skips: [] };
}
