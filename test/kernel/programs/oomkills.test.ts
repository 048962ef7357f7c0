import { libraryManifest } from '../../fixtures/library.ts';
import { AgentHome, type RunningAgent } from '../agent-process.ts';
import { OwnCgroup } from './own-cgroup.ts';

let home: AgentHome;
let agent: RunningAgent;
let cgroup: OwnCgroup;
beforeAll(async () => {
  cgroup = new OwnCgroup();
  home = new AgentHome();
  home.write('oomkills.yaml', libraryManifest('oomkills'));
  agent = await home.start();
  await agent.until('bpf_agent_programs{node="n1",state="ready"}', '1');
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
