import { spawnSync } from 'node:child_process';
import { mkdirSync, openSync, symlinkSync, writeFileSync } from 'node:fs';
import { codeOf } from '../../../runtime/errors.ts';
import { callGetpgid } from '../../kernel/events.ts';
import { connectAndSend, fillAcceptQueue, sendToNobody } from './network.ts';

/** What happens, one after the other, with a scrape behind each. */
export interface Step {
  readonly name: string;
  readonly run: () => void | Promise<void>;
}

const disk = '/dev/vda';
const cgroups = '/sys/fs/cgroup';
const memoryLimitBytes = 16 << 20;

/** Once, before the steps. */
export function prepareSteps(): void {
  writeFileSync(`${cgroups}/cgroup.subtree_control`, '+memory');
  for (const name of ['vm-execs', 'vm-memory']) mkdirSync(`${cgroups}/${name}`);
  writeFileSync(`${cgroups}/vm-memory/memory.max`, String(memoryLimitBytes));
  // What nobody has open the kernel keeps no pages of.
  openSync(disk, 'r');
}

/** Numbers here are those that the tests ask for. */
export const steps: readonly Step[] = [
  { name: 'ping', run: () => run('vm-ping', 'ping', '-c', '5', '-i', '0.1', '127.0.0.1') },
  { name: 'exec', run: () => times(3, () => run('vm-exec', 'true')) },
  { name: 'exec-in-cgroup', run: () => times(4, () => runIn('vm-execs', 'true')) },
  {
    name: 'write',
    run: () => run('vm-write', 'dd', 'if=/dev/zero', 'of=/tmp/written', 'bs=100', 'count=7', 'status=none'),
  },
  // Its own process id: for 0 the kernel skips the LSM hook.
  { name: 'getpgid', run: () => callGetpgid(11, process.pid) },
  {
    name: 'disk',
    run: () => {
      run('vm-disk', 'dd', 'if=/dev/zero', `of=${disk}`, 'bs=4096', 'count=40', 'oflag=direct', 'status=none');
      run('vm-disk', 'dd', `if=${disk}`, 'of=/dev/null', 'bs=4096', 'count=30', 'iflag=direct', 'status=none');
    },
  },
  { name: 'cache-miss', run: readPages },
  { name: 'cache-hit', run: readPages },
  // A line without end. The shell is killed with what it became.
  { name: 'oom', run: () => times(2, () => runIn('vm-memory', 'tail', '/dev/zero')) },
  { name: 'tcp', run: () => connectAndSend(4, 100_000) },
  { name: 'retransmit', run: fillAcceptQueue },
  { name: 'drop', run: () => sendToNobody(5) },
];

function readPages(): void {
  run('vm-cache', 'dd', `if=${disk}`, 'of=/dev/null', 'bs=4096', 'count=256', 'skip=1024', 'status=none');
}

function times(count: number, act: () => void): void {
  for (let i = 0; i < count; i++) act();
}

/** A command of busybox to its end, in a process of this name (`comm`). */
function run(comm: string, applet: string, ...args: string[]): void {
  const { status, error } = spawnSync(link(comm), args, { argv0: applet, stdio: 'ignore' });
  if (status !== 0) throw new Error(`run ${applet} ${args.join(' ')}: exit code ${status}`, { cause: error });
}

/** The same in a cgroup, named after the command, however it ends. A shell enters the cgroup and becomes it. */
function runIn(cgroup: string, applet: string, ...args: string[]): void {
  const command = [link(applet), ...args].join(' ');
  spawnSync('sh', ['-c', `echo $$ >${cgroups}/${cgroup}/cgroup.procs && exec ${command}`], { stdio: 'ignore' });
}

/** A file of this name that is busybox. The shell runs commands in /bin without an execve(2) of their name. */
function link(name: string): string {
  const path = `/tmp/commands/${name}`;
  mkdirSync('/tmp/commands', { recursive: true });
  try {
    symlinkSync('/bin/busybox', path);
  } catch (thrown) {
    if (codeOf(thrown) !== 'EEXIST') throw thrown;
  }
  return path;
}
