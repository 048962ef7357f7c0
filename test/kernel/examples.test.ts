import { execFileSync } from 'node:child_process';
import { eventually } from '../apiserver/harness/eventually.ts';
import { run } from '../apiserver/harness/run.ts';
import {
  dashboardNames,
  documentedQueries,
  expressionsOf,
  libraryManifest,
  libraryNames,
  readDashboard,
} from '../fixtures/library.ts';
import { AgentHome, type RunningAgent } from './agent-process.ts';
import { kernelHasKprobes } from './programs/kernel-has-kprobes.ts';
import { Prometheus } from './prometheus.ts';

/** Of the library, those that need a kernel with kprobes or fentry. */
const needProbes: readonly string[] = ['cachestat'];
const refused = kernelHasKprobes ? [] : needProbes;

/** Those that count what an idle machine does too. Of each of the others a test of its own is in `programs/`. */
const busy = ['cgroup-egress', 'execs', 'pkts', 'runqlat', 'sched-switch', 'syscalls', 'writes'];

let home: AgentHome;
let agent: RunningAgent;
beforeAll(async () => {
  home = new AgentHome();
  for (const name of libraryNames) home.write(`${name}.yaml`, libraryManifest(name));
  agent = await home.start();
  await agent.until('bpf_agent_programs{node="n1",state="ready"}', String(libraryNames.length - refused.length));
  expect(await agent.value('bpf_agent_programs{node="n1",state="failed"}')).toBe(String(refused.length));
}, 60_000);
afterAll(() => home[Symbol.asyncDispose]());

/** Series lines of maps, without the agent's own. */
async function series(): Promise<string[]> {
  const lines = (await agent.metrics()).split('\n');
  return lines.filter((line) => line.includes('bpf_name="') && !line.startsWith('bpf_agent_'));
}

test('a program that counts what every machine does has series at once', async () => {
  // Work that all of them see.
  execFileSync('sh', ['-c', 'ping -c 1 127.0.0.1; cat /dev/null; echo'], { stdio: 'ignore' });
  const seen = new Set((await series()).map((line) => /bpf_name="([^"]+)"/.exec(line)?.[1]));
  expect(busy.filter((name) => !seen.has(name))).toEqual([]);
});

test('five echoes to 127.0.0.1 move the ICMP counter by exactly 20', async () => {
  const icmp = 'bpf_packets{bpf_name="pkts",bpf_namespace="default",key="1",node="n1"}';
  const before = Number((await agent.value(icmp)) ?? 0);
  execFileSync('ping', ['-c', '5', '-i', '0.05', '127.0.0.1'], { stdio: 'ignore' });
  expect(Number(await agent.value(icmp))).toBe(before + 20);
});

test('promtool finds nothing to complain of', async () => {
  const { code, stderr } = await run('promtool', ['check', 'metrics'], { input: await agent.metrics() });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

test('a real Prometheus takes every series, each once, and every expression of the dashboards and of docs/programs.md', async () => {
  await using prometheus = await Prometheus.start(agent.url, home.folder);
  expect(await prometheus.lastErrors()).toEqual([]);
  expect((await prometheus.query('up')).map(({ value }) => value[1])).toEqual(['1']);
  // The machine lives on between two scrapes; a scrape and an exposition that agree are one moment.
  await eventually('as many series there as here', async () => {
    const here = (await series()).length;
    const [there] = await prometheus.query('count({bpf_name!="",__name__!~"bpf_agent_.*"})');
    return Number(there?.value[1]) === here;
  });
  const duplicates = await prometheus.query(
    'count by (__name__, bpf_name, key, comm, uid, node) ({__name__=~"bpf_(packets|execs_total)"}) > 1',
  );
  expect(duplicates).toEqual([]);
  const shown = dashboardNames.flatMap((name) => expressionsOf(readDashboard(name)));
  const expressions = [...shown, ...documentedQueries()];
  expect(expressions.length).toBeGreaterThan(dashboardNames.length + libraryNames.length);
  for (const expression of expressions) await prometheus.query(expression); // which throws where it is refused
}, 30_000);
