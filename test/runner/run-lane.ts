import { mkdir, readFile, rm } from 'node:fs/promises';
import { messageOf } from '../../runtime/errors.ts';
import { command } from './command.ts';
import { jestOutcome } from './jest-outcome.ts';
import type { Lane, Prepared } from './lanes.ts';
import type { Outcome } from './outcome.ts';

/** Runs one lane's files with jest, in a process of its own. `root` ends in a slash. */
export async function runLane(lane: Lane, root: string, say: (line: string) => void): Promise<Outcome> {
  let prepared: Prepared;
  try {
    prepared = await lane.prepare();
  } catch (thrown) {
    return { passed: 0, failures: [], skips: [{ what: lane.name, reason: messageOf(thrown) }] };
  }
  say(`${lane.name}: on ${prepared.facts.join(', ')}`);

  const folder = `${root}build/test`;
  const report = `${folder}/${lane.name}.json`;
  await mkdir(folder, { recursive: true });
  await rm(report, { force: true }); // the last run's must not stand in for this one's
  const options = ['--json', `--outputFile=${report}`, '--reporters=<rootDir>/test/runner/progress-reporter.ts'];
  const jest = await command('jest', [...options, `--maxWorkers=${lane.workers}`, '--silent', ...lane.paths], {
    timeoutMs: lane.timeoutMs,
    showStderr: true,
    // jest loads ES modules through node:vm, which is behind this flag; the warning that it is says nothing new.
    env: { ...process.env, NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning' },
  });

  let outcome: Outcome;
  try {
    outcome = jestOutcome(await readFile(report, 'utf8'), root);
    outcome = { ...outcome, skips: [...outcome.skips, ...(prepared.skips ?? [])] };
  } catch (cause) {
    const message = `${jest.output}\nread jest's report: ${messageOf(cause)}`;
    return { passed: 0, failures: [{ what: lane.name, message }], skips: [] };
  }
  // Every test passed, and still jest did not end well: it was killed, or something failed outside the tests.
  if (!jest.ok && outcome.failures.length === 0) {
    return { ...outcome, failures: [{ what: lane.name, message: `jest failed although no test did\n${jest.output}` }] };
  }
  return outcome;
}
