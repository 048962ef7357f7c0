import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runChecks } from './runner/checks.ts';
import { lanes } from './runner/lanes.ts';
import { judgeSkips, type Outcome, summaryLine } from './runner/outcome.ts';
import { runLane } from './runner/run-lane.ts';

/**
 * Runs the test lanes: `node test/run.ts [LANE...]`, all of them without a name. Says of each what ran for real, and
 * ends with `tests: N passed, N failed, N skipped`. Exit code 1 where anything failed, 64 for a lane that is not there.
 */
async function main(args: readonly string[]): Promise<number> {
  const root = fileURLToPath(new URL('..', import.meta.url));
  process.chdir(root);
  const names = ['check', ...lanes.map((lane) => lane.name)];
  const unknown = args.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    process.stderr.write(`no lane ${unknown.join(', ')}; there are: ${names.join(', ')}\n`);
    return 64;
  }
  const wanted = (name: string) => args.length === 0 || args.includes(name);
  const ci = process.env['CI'] === 'true';

  const outcomes: Outcome[] = [];
  const record = async (name: string, run: () => Promise<Outcome>) => {
    const start = performance.now();
    const outcome = judgeSkips(await run(), ci);
    outcomes.push(outcome);
    report(name, outcome, (performance.now() - start) / 1000);
  };
  if (wanted('check')) await record('check', runChecks);
  for (const lane of lanes) if (wanted(lane.name)) await record(lane.name, () => runLane(lane, root, say));

  const summary = summaryLine(outcomes);
  await mkdir('build/test', { recursive: true });
  await writeFile('build/test/summary', `${summary}\n`);
  say(summary);
  return outcomes.some((outcome) => outcome.failures.length > 0) ? 1 : 0;
}

function report(name: string, outcome: Outcome, seconds: number): void {
  for (const { what, message } of outcome.failures) say(`\nFAILED ${what}\n${indent(message)}`);
  for (const { what, reason } of outcome.skips) say(`SKIPPED ${what}: ${oneLine(reason)}`);
  const { passed, failures, skips } = outcome;
  say(`${name}: ${passed} passed, ${failures.length} failed, ${skips.length} skipped (${seconds.toFixed(1)} s)`);
}

const say = (line: string) => process.stdout.write(`${line}\n`);
const indent = (text: string) => text.trim().replace(/^/gm, '  ');
const oneLine = (text: string) => text.trim().replace(/\s*\n\s*/g, '; ');

process.exitCode = await main(process.argv.slice(2));
