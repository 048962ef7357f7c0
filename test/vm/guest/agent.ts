import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { eventually } from '../../apiserver/harness/eventually.ts';

const url = 'http://127.0.0.1:9387';
/** An emulated machine is some twenty times slower than a real one. */
const readyTimeoutMs = 120_000;

export interface AgentOptions {
  /** What it may do, as setpriv(1) names them; undefined for all that root may. */
  readonly capabilities?: readonly string[];
  /** With the libraries of the agent's image, not with those of the machine that the tests run on. */
  readonly imageLibraries?: boolean;
}

/** The bundled agent as a user starts it, on a directory of manifests. */
export class GuestAgent implements AsyncDisposable {
  readonly #child;
  readonly #log: string;

  constructor(manifests: string, name: string, { capabilities, imageLibraries = false }: AgentOptions) {
    this.#log = `/tmp/agent-${name}.log`;
    const agent = ['/bin/node', '/opt/kube-bpf/agent.js', '--manifests', manifests, '--listen', new URL(url).host];
    const places = ['--node-name', 'n1', '--instance', name, '--state-dir', '/tmp/state', '--bpffs', '/sys/fs/bpf/vm'];
    const bounds = capabilities?.map((capability) => `+${capability}`).join();
    const limited = bounds === undefined ? [] : ['setpriv', '--bounding-set', `-all,${bounds}`, '--no-new-privs'];
    const loader = imageLibraries ? ['/image/ld-linux-x86-64.so.2', '--library-path', '/image'] : [];
    const [file = '', ...args] = [...limited, ...loader, ...agent, ...places];
    const log = openSync(this.#log, 'w');
    this.#child = spawn(file, args, { stdio: ['ignore', log, log] });
    closeSync(log);
  }

  /** Until everything that is wanted has been tried, well or ill. */
  async ready(): Promise<void> {
    await eventually('the agent to be ready', async () => (await fetch(`${url}/readyz`)).ok, {
      deadlineMs: readyTimeoutMs,
    }).catch((cause: unknown) => {
      throw new Error(`${cause instanceof Error ? cause.message : cause}\n${this.log}`, { cause });
    });
  }

  async scrape(): Promise<string> {
    const response = await fetch(`${url}/metrics`);
    if (!response.ok) throw new Error(`scrape: ${response.status} ${await response.text()}`);
    return response.text();
  }

  get log(): string {
    return readFileSync(this.#log, 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGTERM');
      await once(this.#child, 'exit');
    }
  }
}
