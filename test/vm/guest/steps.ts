import { spawnSync } from 'node:child_process';
import { callGetpgid } from '../../kernel/events.ts';

/** What happens, one after the other, with a scrape behind each. */
export interface Step {
  readonly name: string;
  readonly run: () => void | Promise<void>;
}

/** A command of busybox, in a process of this name (`comm`). */
function as(comm: string, applet: string, ...args: string[]): void {
  const { status, error } = spawnSync(`/tmp/${comm}`, args, { argv0: applet, stdio: 'ignore' });
  if (status !== 0) throw new Error(`run ${applet} ${args.join(' ')}: exit code ${status}`, { cause: error });
}

/** Numbers here are those that the tests ask for. */
export const steps: readonly Step[] = [
  { name: 'ping', run: () => as('vm-ping', 'ping', '-c', '5', '-i', '0.1', '127.0.0.1') },
  {
    name: 'exec',
    run: () => {
      for (let i = 0; i < 3; i++) as('vm-exec', 'true');
    },
  },
  {
    name: 'write',
    run: () => as('vm-write', 'dd', 'if=/dev/zero', 'of=/tmp/written', 'bs=100', 'count=7', 'status=none'),
  },
  // Its own process id: for 0 the kernel skips the LSM hook.
  { name: 'getpgid', run: () => callGetpgid(11, process.pid) },
];

/** Names of processes that the steps start. */
export const comms = ['vm-ping', 'vm-exec', 'vm-write'] as const;
