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
