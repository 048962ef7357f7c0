import { openSync, readFileSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { release } from 'node:os';
import { messageOf } from '../../../runtime/errors.ts';
import type { ReportLine } from '../report.ts';
import { GuestAgent } from './agent.ts';
import { comms, steps } from './steps.ts';

/** What the chart gives the agent by default. */
const capabilities = ['bpf', 'perfmon', 'net_admin', 'net_raw'];
const paranoidFile = '/proc/sys/kernel/perf_event_paranoid';

const port = openSync('/dev/ttyS1', 'w');
const tell = (line: ReportLine) => writeSync(port, `${JSON.stringify(line)}\n`);
const read = (file: string) => readFileSync(file, 'utf8').trim();

/** An agent from its start to its end, with the steps in between. */
async function run(name: string, manifests: string, scenario: typeof steps, limits?: readonly string[]): Promise<void> {
  const agent = new GuestAgent(manifests, name, limits);
  try {
    await agent.ready();
    tell({ kind: 'scrape', run: name, step: 'start', exposition: await agent.scrape() });
    for (const step of scenario) {
      await step.run();
      tell({ kind: 'scrape', run: name, step: step.name, exposition: await agent.scrape() });
    }
  } finally {
    await agent[Symbol.asyncDispose]();
    tell({ kind: 'log', run: name, text: agent.log });
  }
}

try {
  for (const comm of comms) symlinkSync('/bin/busybox', `/tmp/${comm}`);
  tell({
    kind: 'machine',
    release: release(),
    lockdown: /\[(\w+)\]/.exec(read('/sys/kernel/security/lockdown'))?.[1] ?? '',
    perfEventParanoid: read(paranoidFile),
    driverPid: process.pid,
  });
  await run('root', '/opt/manifests/all', steps);
  // As a Pod of the chart: first with the sysctl as Debian sets it, then as docs/agent.md says to set it.
  const getpgid = steps.filter(({ name }) => name === 'getpgid');
  await run('pod', '/opt/manifests/hooks', getpgid, capabilities);
  writeFileSync(paranoidFile, '2');
  await run('pod-sysctl', '/opt/manifests/all', getpgid, capabilities);
  tell({ kind: 'end', uptimeSeconds: Number(read('/proc/uptime').split(' ')[0]) });
} catch (thrown) {
  tell({ kind: 'failed', message: messageOf(thrown) });
}
