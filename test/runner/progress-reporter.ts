import type { Reporter, Test, TestResult } from '@jest/reporters';

/** A file that takes longer gets a line of its own. */
const slowMs = 10_000;
/** And this often one more while it runs, so that a person, or CI's log, sees which it is. */
const stillRunningMs = 30_000;

/** Says what a person waiting wants to know, and nothing else: what failed, at once, what was slow, what still runs. */
// biome-ignore lint/style/noDefaultExport: jest takes the default export
export default class ProgressReporter implements Pick<Reporter, 'onTestFileStart' | 'onTestFileResult'> {
  readonly #running = new Map<string, NodeJS.Timeout>();

  onTestFileStart(test: Test): void {
    const start = performance.now();
    const say = () => line('running', test, performance.now() - start);
    this.#running.set(test.path, setInterval(say, stillRunningMs).unref());
  }

  onTestFileResult(test: Test, result: TestResult): void {
    clearInterval(this.#running.get(test.path));
    this.#running.delete(test.path);
    const failed = result.numFailingTests > 0 || result.testExecError !== undefined;
    const tookMs = result.perfStats.end - result.perfStats.start;
    if (failed || tookMs >= slowMs) line(failed ? 'FAILED' : 'passed', test, tookMs);
  }
}

function line(what: string, test: Test, tookMs: number): void {
  const file = test.path.replace(`${test.context.config.rootDir}/`, '');
  process.stderr.write(`  ${what} ${file} (${Math.round(tookMs / 1000)} s)\n`);
}
