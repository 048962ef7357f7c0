import { jestOutcome } from '../../runner/jest-outcome.ts';
import { judgeSkips, type Outcome, summaryLine } from '../../runner/outcome.ts';

const outcome = (passed: number, failed = 0, skipped = 0): Outcome => ({
  passed,
  failures: Array.from({ length: failed }, (_, i) => ({ what: `f${i}`, message: 'wrong' })),
  skips: Array.from({ length: skipped }, (_, i) => ({ what: `s${i}`, reason: 'needs root' })),
});

/** Shaped as jest --json writes it. */
const report = (...files: { status: string; message?: string; tests?: [name: string, status: string][] }[]) =>
  JSON.stringify({
    testResults: files.map(({ status, message = '', tests = [] }, i) => ({
      name: `/repo/test/${i}.test.ts`,
      status,
      message,
      assertionResults: tests.map(([fullName, testStatus]) => ({
        fullName,
        status: testStatus,
        failureMessages: testStatus === 'failed' ? ['expected 1'] : [],
      })),
    })),
  });

describe('what jest says, as an outcome', () => {
  test.each([
    [
      'a test that passed',
      report({ status: 'passed', tests: [['a', 'passed']] }),
      { passed: 1, failures: [], skips: [] },
    ],
    [
      'a test that failed, once though its file failed too',
      report({
        status: 'failed',
        message: 'all of it',
        tests: [
          ['a', 'failed'],
          ['b', 'passed'],
        ],
      }),
      { passed: 1, failures: [{ what: 'test/0.test.ts: a', message: 'expected 1' }], skips: [] },
    ],
    [
      'a file that did not run, beside one that did',
      report({ status: 'failed', message: 'cannot find module' }, { status: 'passed', tests: [['a', 'passed']] }),
      { passed: 1, failures: [{ what: 'test/0.test.ts', message: 'cannot find module' }], skips: [] },
    ],
    [
      'a file that failed after all of its tests had passed',
      report({ status: 'failed', message: 'afterAll threw', tests: [['a', 'passed']] }),
      { passed: 1, failures: [{ what: 'test/0.test.ts', message: 'afterAll threw' }], skips: [] },
    ],
    [
      'tests that were skipped or are still to write',
      report({
        status: 'passed',
        tests: [
          ['a', 'pending'],
          ['b', 'todo'],
        ],
      }),
      {
        passed: 0,
        failures: [],
        skips: [
          { what: 'test/0.test.ts: a', reason: 'marked pending in the file' },
          { what: 'test/0.test.ts: b', reason: 'marked todo in the file' },
        ],
      },
    ],
    ['no test at all', report(), { passed: 0, failures: [{ what: 'jest', message: 'found no test' }], skips: [] }],
  ])('%s', (_, json, expected) => {
    expect(jestOutcome(json, '/repo/')).toEqual(expected);
  });

  test('a report that is none is refused', () => {
    expect(() => jestOutcome('{"testResults": 3}', '/repo/')).toThrow();
  });
});

test('a skip that nobody expected is a failure in CI, and a skip elsewhere', () => {
  expect(judgeSkips(outcome(5, 1, 2), false)).toEqual(outcome(5, 1, 2));
  const judged = judgeSkips(outcome(5, 1, 2), true);
  expect(judged.passed).toBe(5);
  expect(judged.failures).toHaveLength(3);
  expect(judged.failures[1]).toEqual({ what: 's0', message: 'skipped in CI: needs root' });
  expect(judged.skips).toEqual([]);
});

test('the last line sums up the lanes', () => {
  expect(summaryLine([outcome(2, 1, 0), outcome(3, 0, 4)])).toBe('tests: 5 passed, 1 failed, 4 skipped');
  expect(summaryLine([])).toBe('tests: 0 passed, 0 failed, 0 skipped');
});
