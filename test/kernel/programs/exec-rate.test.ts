import { AgentHome, type RunningAgent } from '../agent-process.ts';
import { OwnCgroup } from './own-cgroup.ts';
import { runProgram } from './run-program.ts';

let home: AgentHome;
let agent: RunningAgent;
let cgroup: OwnCgroup;
beforeAll(async () => {
  cgroup = new OwnCgroup();
  home = new AgentHome();
  agent = await runProgram(home, 'exec-rate');
});
afterAll(async () => {
  await home[Symbol.asyncDispose]();
  await cgroup[Symbol.asyncDispose]();
});

test('each exec counts for the cgroup that it happens in, and one that fails does not', async () => {
  const { status } = cgroup.run('for i in 1 2 3 4 5 6 7; do /bin/true; done; /nonexistent; exec /bin/true');
  expect(status).toBe(0);
  const series = `bpf_cgroup_execs_total{bpf_name="exec-rate",bpf_namespace="default",cgroup="${cgroup.path}",node="n1"}`;
  expect(await agent.value(series)).toBe('8');
});
