import type { Reporter, Test, TestResult } from '@jest/reporters';

/** A file that takes longer gets a line of its own, so that a person sees that something happens. */
const slowMs = 10_000;

/** Says what a person waiting wants to know, and nothing else: what failed, at once, and what was slow. */
// biome-ignore lint/style/noDefaultExport: jest takes the default export
export default class ProgressReporter implements Pick<Reporter, 'onTestResult'> {
  onTestResult(test: Test, result: TestResult): void {
    const seconds = Math.round((result.perfStats.end - result.perfStats.start) / 1000);
    const failed = result.numFailingTests > 0 || result.testExecError !== undefined;
    const slow = seconds * 1000 >= slowMs;
    if (!failed && !slow) return;
    const file = test.path.replace(`${test.context.config.rootDir}/`, '');
    process.stderr.write(`  ${failed ? 'FAILED' : 'passed'} ${file} (${seconds} s)\n`);
  }
}
