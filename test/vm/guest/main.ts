import { openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { release } from 'node:os';
import { messageOf } from '../../../runtime/errors.ts';
import type { ReportLine } from '../report.ts';
import { type AgentOptions, GuestAgent } from './agent.ts';
import { prepareSteps, steps } from './steps.ts';

/** As a Pod of the chart has it: what the chart adds by default, and, if nothing else is said, the image's libraries. */
const pod = {
  capabilities: ['bpf', 'perfmon', 'net_admin', 'net_raw'],
  imageLibraries: !readFileSync('/proc/cmdline', 'utf8').includes('kube_bpf.libraries=machine'),
};
const paranoidFile = '/proc/sys/kernel/perf_event_paranoid';

const port = openSync('/dev/ttyS1', 'w');
const tell = (line: ReportLine) => writeSync(port, `${JSON.stringify(line)}\n`);
const read = (file: string) => readFileSync(file, 'utf8').trim();

/** An agent from its start to its end, with the steps in between. */
async function run(name: string, folder: string, scenario: typeof steps, options: AgentOptions): Promise<void> {
  const agent = new GuestAgent(`/opt/manifests/${folder}`, name, options);
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
  tell({
    kind: 'machine',
    release: release(),
    lockdown: /\[(\w+)\]/.exec(read('/sys/kernel/security/lockdown'))?.[1] ?? '',
    perfEventParanoid: read(paranoidFile),
    driverPid: process.pid,
  });
  prepareSteps();
  await run('root', 'all', steps, {});
  // First with the sysctl as Debian sets it, then with all that docs/agent.md says to give.
  const getpgid = steps.filter(({ name }) => name === 'getpgid');
  await run('pod', 'hooks', getpgid, pod);
  writeFileSync(paranoidFile, '2');
  await run('pod-privileges', 'library', [], { ...pod, capabilities: [...pod.capabilities, 'sys_resource'] });
  tell({ kind: 'end', uptimeSeconds: Number(read('/proc/uptime').split(' ')[0]) });
} catch (thrown) {
  tell({ kind: 'failed', message: messageOf(thrown) });
}
