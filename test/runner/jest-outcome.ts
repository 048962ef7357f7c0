import { z } from 'zod';
import type { Failure, Outcome, Skip } from './outcome.ts';

/** The part of jest's --json report that is read here. */
const jestReport = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string(),
      assertionResults: z.array(
        z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()).nullish() }),
      ),
    }),
  ),
});

/** What jest's report says. A file without a test result of its own (it did not compile, it threw) is one failure. */
export function jestOutcome(reportJson: string, root: string): Outcome {
  const report = jestReport.parse(JSON.parse(reportJson));
  let passed = 0;
  const failures: Failure[] = [];
  const skips: Skip[] = [];
  for (const file of report.testResults) {
    const path = file.name.startsWith(root) ? file.name.slice(root.length) : file.name;
    let failedHere = 0;
    for (const test of file.assertionResults) {
      const what = `${path}: ${test.fullName}`;
      if (test.status === 'passed') passed++;
      else if (test.status === 'failed') {
        failedHere++;
        failures.push({ what, message: (test.failureMessages ?? []).join('\n') });
      } else skips.push({ what, reason: `marked ${test.status} in the file` });
    }
    if (file.status === 'failed' && failedHere === 0) failures.push({ what: path, message: file.message });
  }
  if (report.testResults.length === 0) failures.push({ what: 'jest', message: 'found no test' });
  return { passed, failures, skips };
}
