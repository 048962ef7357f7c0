import { libraryManifest } from '../../fixtures/library.ts';
import { AgentHome, type RunningAgent } from '../agent-process.ts';
import { OwnCgroup } from './own-cgroup.ts';

let home: AgentHome;
let agent: RunningAgent;
let cgroup: OwnCgroup;
beforeAll(async () => {
  cgroup = new OwnCgroup();
  home = new AgentHome();
  home.write('exec-rate.yaml', libraryManifest('exec-rate'));
  agent = await home.start();
  await agent.until('bpf_agent_programs{node="n1",state="ready"}', '1');
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
