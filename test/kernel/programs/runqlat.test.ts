import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { AgentHome, type RunningAgent } from '../agent-process.ts';
import { runProgram, sumOf } from './run-program.ts';

let home: AgentHome;
let agent: RunningAgent;
beforeAll(async () => {
  home = new AgentHome();
  agent = await runProgram(home, 'runqlat');
});
afterAll(() => home[Symbol.asyncDispose]());

/** A shell that always could run, on the first CPU only, and how long it did not, by bash's own account. */
async function secondsWaited(): Promise<number> {
  const script = "TIMEFORMAT='%R %U %S'; time timeout 1 sh -c 'while :; do :; done'";
  const { stderr } = await promisify(execFile)('taskset', ['--cpu-list', '0', 'bash', '-c', script]).catch(
    (ended: { stderr: string }) => ended, // timeout(1) says with 124 that it ended it
  );
  const [elapsed = 0, user = 0, system = 0] = stderr.trim().split(' ').map(Number);
  return elapsed - user - system;
}

test('three threads that share a CPU wait for it as long as they do not run', async () => {
  const before = await sumOf(agent, 'bpf_run_queue_wait_seconds_sum');
  const waited = await Promise.all([secondsWaited(), secondsWaited(), secondsWaited()]);
  const least = waited.reduce((sum, seconds) => sum + seconds);
  expect(least).toBeGreaterThan(1);
  // The rest of the machine waits too, and the last wait of each ends when it is killed.
  const sum = (await sumOf(agent, 'bpf_run_queue_wait_seconds_sum')) - before;
  expect(sum).toBeGreaterThan(0.9 * least);
});

test('each wait is in one bucket', async () => {
  const text = await agent.metrics();
  const last = (pattern: RegExp) => pattern.exec(text)?.[1];
  const inAll = last(/^bpf_run_queue_wait_seconds_bucket\{[^}]*le="\+Inf"[^}]*\} (\d+)$/m);
  expect(Number(inAll)).toBeGreaterThan(0);
  expect(last(/^bpf_run_queue_wait_seconds_count\{[^}]*\} (\d+)$/m)).toBe(inAll);
});
