import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';

/** A server of the harness: ended by its pid when it is stopped, and by the kernel when the test process dies. */
export interface OwnedProcess {
  readonly name: string;
  readonly pid: number;
  /** The exit code or signal, once there is one. */
  readonly exited: string | undefined;
  /** The end of what it wrote, for a message. */
  logTail(): string;
  /** SIGTERM, and SIGKILL after a grace time; resolves when it is gone. */
  stop(): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

const setpriv = '/usr/bin/setpriv';
const graceMs = 8000;
const logTailLines = 15;

/** `environment` is beside this process's own. */
export function startProcess(
  name: string,
  command: string,
  args: readonly string[],
  logFile: string,
  environment: Readonly<Record<string, string>> = {},
): OwnedProcess {
  const log = openSync(logFile, 'a');
  // An exit handler does not run when a test process is killed, nor inside jest's sandbox: the kernel's parent death
  // signal does (prctl(2) PR_SET_PDEATHSIG). setpriv is util-linux's, and essential on Debian.
  const [file, argv] = existsSync(setpriv)
    ? [setpriv, ['--pdeathsig', 'KILL', '--', command, ...args]]
    : [command, [...args]];
  const child = spawn(file, argv, { stdio: ['ignore', log, log], env: { ...process.env, ...environment } });
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) {
    child.on('error', () => undefined); // said here instead
    throw new Error(`start ${name}: ${command} does not run`);
  }

  let exited: string | undefined;
  const gone = once(child, 'exit').then(([code, signal]) => {
    exited = signal === null ? `exit code ${code}` : `signal ${signal}`;
  });
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    if (exited === undefined) child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await gone;
    clearTimeout(late);
  };
  return {
    name,
    pid,
    get exited() {
      return exited;
    },
    logTail: () => readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-logTailLines).join('\n'),
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}
