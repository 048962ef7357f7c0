import { execFileSync } from 'node:child_process';
import { arch } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import koffi from 'koffi';
import { AgentHome } from '../agent-process.ts';
import { runProgram, sumOf } from './run-program.ts';

/** Calls of which the test knows the number and the outcome, and that nobody else makes. */
const libc = koffi.load('libc.so.6');
const schedGetPriorityMin = libc.func('int sched_get_priority_min(int policy)');
const syscall = libc.func('long syscall(long number)');
const noSuchPolicy = 12345;
const noSuchCall = 987_654;

function callSome(): void {
  for (let i = 0; i < 7; i++) schedGetPriorityMin(0);
  for (let i = 0; i < 5; i++) schedGetPriorityMin(noSuchPolicy);
  for (let i = 0; i < 3; i++) syscall(noSuchCall + i);
}

describe.each([
  ['tp_btf', 0],
  ['raw_tp', 1],
])('with %s', (_, twin) => {
  test('calls are counted by name and error, and numbers without a call share one series', async () => {
    await using home = new AgentHome();
    const agent = await runProgram(home, 'syscalls', { twin });
    const seen = async (syscallName: string, error: string) =>
      sumOf(agent, 'bpf_syscalls_total', { syscall: syscallName, error });
    const before = await seen('other', 'ENOSYS');

    callSome();

    expect(await seen('sched_get_priority_min', 'ok')).toBe(7);
    expect(await seen('sched_get_priority_min', 'EINVAL')).toBe(5);
    expect((await seen('other', 'ENOSYS')) - before).toBe(3);
    expect(await seen('read', 'ok')).toBeGreaterThan(0);
    expect(await sumOf(agent, 'bpf_syscalls_uncounted_total')).toBe(0);
  });

  test('errors_only leaves out what succeeds', async () => {
    await using home = new AgentHome();
    const agent = await runProgram(home, 'syscalls', { twin, globals: { errors_only: true } });

    callSome();

    expect(await sumOf(agent, 'bpf_syscalls_total', { syscall: 'sched_get_priority_min', error: 'EINVAL' })).toBe(5);
    expect(await sumOf(agent, 'bpf_syscalls_total', { error: 'ok' })).toBe(0);
  });
});

// There is such a door on x86-64 only.
const testOnX64 = arch() === 'x64' ? test : test.skip;

testOnX64('calls by the table of 32-bit processes do not go by the names of the 64-bit one', async () => {
  await using home = new AgentHome();
  const caller = join(home.folder, 'compat');
  execFileSync('clang', [fileURLToPath(new URL('../../fixtures/kernel/compat.c', import.meta.url)), '-o', caller]);
  const agent = await runProgram(home, 'syscalls');
  const compat = () => sumOf(agent, 'bpf_syscalls_total', { syscall: 'compat', error: 'ok' });
  const before = await compat();

  execFileSync(caller);

  expect((await compat()) - before).toBe(9);
});

test('a signal handler that returns is a call without an outcome', async () => {
  await using home = new AgentHome();
  const agent = await runProgram(home, 'syscalls');
  const returns = () => sumOf(agent, 'bpf_syscalls_total', { syscall: 'rt_sigreturn' });
  const before = await returns();

  execFileSync('sh', ['-c', 'trap : USR1; kill -USR1 $$; kill -USR1 $$; kill -USR1 $$']);

  expect((await returns()) - before).toBeGreaterThanOrEqual(3);
  const lines = (await agent.metrics()).split('\n').filter((line) => line.includes('syscall="rt_sigreturn"'));
  expect(lines).toEqual([expect.stringContaining('error="ok"')]);
});
