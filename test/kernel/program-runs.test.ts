import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';
import { eventually } from '../apiserver/harness/eventually.ts';
import { startProcess } from '../apiserver/harness/owned-process.ts';
import { AgentHome } from './agent-process.ts';
import { compileFixture, compileProbedLibrary } from './fixture.ts';

/** How often programs ran, as the kernel counted it: on request, or where the host counts anyway. */

const sysctl = '/proc/sys/kernel/bpf_stats_enabled';
const library = compileProbedLibrary();
const poke = koffi.load(library).func('void poke(int with)');
const pokeTimes = (times: number): void => {
  for (let i = 0; i < times; i++) poke(i);
};
/** Runs whenever somebody calls poke, and nobody but this test does. */
const onPoke = (result = 0) =>
  compileFixture('hook', { hook: `uprobe/${library}:poke`, defines: [`RESULT=${result}`] });

const labels = '{bpf_name="poked",bpf_namespace="default",program="on_hook",node="n1"}';
const runs = `bpf_agent_program_run_total${labels}`;
const seconds = `bpf_agent_program_run_seconds_total${labels}`;
const ready = 'bpf_agent_programs{node="n1",state="ready"}';

let home: AgentHome;
let sysctlBefore: string;
beforeEach(() => {
  home = new AgentHome();
  sysctlBefore = readFileSync(sysctl, 'utf8');
  writeFileSync(sysctl, '0');
});
afterEach(async () => {
  writeFileSync(sysctl, sysctlBefore);
  await home[Symbol.asyncDispose]();
});

test('--program-stats counts each run, and goes on over a change of the object', async () => {
  home.apply('poked', onPoke());
  const agent = await home.start(['--program-stats']);
  await agent.until(ready, '1');
  expect(await agent.value(runs)).toBe('0');
  expect(await agent.value(seconds)).toBe('0');
  pokeTimes(1000);
  expect(await agent.value(runs)).toBe('1000');
  // A run of an empty program takes some ns, and surely less than a millisecond on average.
  const before = Number(await agent.value(seconds));
  expect(before).toBeGreaterThan(0);
  expect(before).toBeLessThan(1);

  const { ids } = agent.held();
  home.apply('poked', onPoke(1));
  await eventually('the other object to run', () => agent.held().ids.every((id) => !ids.includes(id)));
  pokeTimes(10);
  expect(await agent.value(runs)).toBe('1010');
  expect(Number(await agent.value(seconds))).toBeGreaterThan(before);

  home.apply('poked', undefined);
  await agent.until('bpf_agent_programs{node="n1",state="ready"}', '0');
  expect(await agent.metrics()).not.toContain('bpf_agent_program_run');
});

test('nothing where nobody asked; where the host counts, its figures', async () => {
  home.apply('poked', onPoke());
  const agent = await home.start();
  await agent.until(ready, '1');
  pokeTimes(5);
  expect(await agent.metrics()).not.toContain('bpf_agent_program_run');
  writeFileSync(sysctl, '1');
  pokeTimes(7);
  expect(await agent.value(runs)).toBe('7');
  writeFileSync(sysctl, '0');
  expect(await agent.metrics()).not.toContain('bpf_agent_program_run');
});

test('without CAP_SYS_ADMIN it says what is missing, and the agent runs on', async () => {
  home.apply('poked', onPoke());
  const log = join(home.folder, 'agent.log');
  const capabilities = '-all,+bpf,+perfmon,+net_admin,+net_raw,+dac_override';
  const agent = startProcess(
    'agent',
    'setpriv',
    ['--bounding-set', capabilities, '--', process.execPath, ...home.arguments(['--program-stats'])],
    log,
  );
  try {
    const lines = () => readFileSync(log, 'utf8').split('\n');
    const url = await eventually('the agent to listen', () => /"url":"([^"]+)"/.exec(readFileSync(log, 'utf8'))?.[1]);
    expect(lines().find((line) => line.includes('program runs'))).toMatch(
      /"level":"warn".*program runs are not counted: .*EPERM.* \[it takes CAP_SYS_ADMIN, in the chart agent\.programStats; sysctl kernel\.bpf_stats_enabled=1 /,
    );
    await eventually('the agent to be ready', async () => (await fetch(`${url}/readyz`)).ok);
    expect(await (await fetch(`${url}/metrics`)).text()).not.toContain('bpf_agent_program_run');
  } finally {
    await agent.kill();
  }
});
