/** What came of a lane. A suite that did not run at all is one failure; a lane that cannot run here is one skip. */
export interface Outcome {
  readonly passed: number;
  readonly failures: readonly Failure[];
  readonly skips: readonly Skip[];
}

export interface Failure {
  /** The file, and the test in it where there is one. */
  readonly what: string;
  readonly message: string;
}

export interface Skip {
  readonly what: string;
  readonly reason: string;
}

/**
 * Skips that CI accepts, by their `what`, each with the reason why no machine of CI can run it. Any other skip is a
 * failure there, since a test that silently stopped running protects nothing.
 */
const knownSkips: ReadonlyMap<string, string> = new Map([
  ['vm: Linux 5.10', "Debian's mirrors drop releases some time after their end of life; this one's was in August 2026"],
]);

/** In CI a skip that nobody expected becomes a failure. */
export function judgeSkips(outcome: Outcome, ci: boolean): Outcome {
  if (!ci) return outcome;
  const unexpected = outcome.skips.filter((skip) => !knownSkips.has(skip.what));
  return {
    passed: outcome.passed,
    failures: [
      ...outcome.failures,
      ...unexpected.map((skip) => ({ what: skip.what, message: `skipped in CI: ${skip.reason}` })),
    ],
    skips: outcome.skips.filter((skip) => knownSkips.has(skip.what)),
  };
}

/** The line that CI reads. */
export function summaryLine(outcomes: readonly Outcome[]): string {
  const sum = (count: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + count(outcome), 0);
  const passed = sum((outcome) => outcome.passed);
  const failed = sum((outcome) => outcome.failures.length);
  const skipped = sum((outcome) => outcome.skips.length);
  return `tests: ${passed} passed, ${failed} failed, ${skipped} skipped`;
}
