import { AgentHome, type RunningAgent } from '../agent-process.ts';
import { OwnCgroup } from './own-cgroup.ts';
import { runProgram } from './run-program.ts';

let home: AgentHome;
let agent: RunningAgent;
let cgroup: OwnCgroup;
beforeAll(async () => {
  cgroup = new OwnCgroup();
  home = new AgentHome();
  agent = await runProgram(home, 'oomkills');
});
afterAll(async () => {
  await home[Symbol.asyncDispose]();
  await cgroup[Symbol.asyncDispose]();
});

test('kills are counted for the machine from zero on, and by cgroup and command', async () => {
  const own = 'bpf_name="oomkills",bpf_namespace="default",node="n1"';
  expect(await agent.value(`bpf_oom_kills_total{${own}}`)).toBe('0');

  cgroup.limitMemory(16 << 20);
  const killed = [1, 2, 3].map(() => cgroup.run('exec tail /dev/zero').signal); // a line without end
  expect(killed).toEqual(['SIGKILL', 'SIGKILL', 'SIGKILL']);

  expect(await agent.value(`bpf_oom_kills_total{${own}}`)).toBe('3');
  expect(await agent.value(`bpf_cgroup_oom_kills_total{${own},cgroup="${cgroup.path}",comm="tail"}`)).toBe('3');
});
