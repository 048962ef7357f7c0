import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compileObject, manifestWithObject } from '../../tools/build-manifests.ts';
import { eventually } from '../apiserver/harness/eventually.ts';
import { run } from '../apiserver/harness/run.ts';
import { AgentHome, type RunningAgent } from './agent-process.ts';
import { Prometheus } from './prometheus.ts';

const folder = fileURLToPath(new URL('../../bpf/programs/', import.meta.url));
const examples = readdirSync(folder)
  .filter((file) => file.endsWith('.bpf.c'))
  .map((file) => file.replace('.bpf.c', ''));

let home: AgentHome;
let agent: RunningAgent;
beforeAll(async () => {
  home = new AgentHome();
  for (const name of examples) {
    const yaml = readFileSync(`${folder}${name}.yaml`, 'utf8');
    home.write(`${name}.yaml`, manifestWithObject(yaml, compileObject(`${folder}${name}.bpf.c`)));
  }
  agent = await home.start();
  await agent.until('bpf_agent_programs{node="n1",state="ready"}', String(examples.length));
}, 60_000);
afterAll(() => home[Symbol.asyncDispose]());

/** Series lines of maps, without the agent's own. */
async function series(): Promise<string[]> {
  const lines = (await agent.metrics()).split('\n');
  return lines.filter((line) => line.includes('bpf_name="') && !line.startsWith('bpf_agent_'));
}

test('every example has series', async () => {
  // Work that all of them see.
  execFileSync('sh', ['-c', 'ping -c 1 127.0.0.1; cat /dev/null; echo'], { stdio: 'ignore' });
  const seen = new Set((await series()).map((line) => /bpf_name="([^"]+)"/.exec(line)?.[1]));
  expect([...seen].sort()).toEqual(examples.sort());
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

test('a real Prometheus takes every series, each once', async () => {
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
}, 30_000);
