import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '../apiserver/harness/eventually.ts';
import { type OwnedProcess, startProcess } from '../apiserver/harness/owned-process.ts';
import { type RunResult, run } from '../apiserver/harness/run.ts';
import { type Held, heldBy } from './held.ts';

const main = fileURLToPath(new URL('../../agent/main.ts', import.meta.url));

/** One place on this machine for agents of a test: a folder of manifests, one of state, and one of pins. */
export class AgentHome implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'kube-bpf-agent-'));
  readonly manifests = join(this.folder, 'manifests');
  readonly bpffs = `/sys/fs/bpf/${this.folder.split('/').at(-1)?.replaceAll('.', '_')}`;
  readonly #agents: RunningAgent[] = [];
  readonly #wishesFrom: readonly string[];
  readonly #program: readonly string[];
  readonly #environment: Readonly<Record<string, string>>;

  /**
   * Agents that ask an API server, by this kubeconfig; without one, agents that read the folder of manifests. `program`
   * is what comes behind `node`: flags of its own, and the agent's main file. `environment` is beside the test's own.
   */
  constructor(
    kubeconfig?: string,
    program: readonly string[] = [main],
    environment: Readonly<Record<string, string>> = {},
  ) {
    this.#program = program;
    this.#environment = environment;
    mkdirSync(this.manifests);
    this.#wishesFrom = kubeconfig === undefined ? ['--manifests', this.manifests] : ['--kubeconfig', kubeconfig];
  }

  /**
   * One file with a ConfigMap and the BPF of it, put in place at once as an editor does. `undefined` takes it away.
   * `metrics` is spec.metrics as somebody wrote it.
   */
  apply(
    name: string,
    object: Uint8Array | undefined,
    {
      namespace = 'default',
      suspend = false,
      metrics,
    }: { namespace?: string; suspend?: boolean; metrics?: object } = {},
  ): void {
    const path = join(this.manifests, `${namespace}-${name}.json`);
    if (object === undefined) {
      rmSync(path);
      return;
    }
    const items = [
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: `${name}-object`, namespace },
        binaryData: { 'object.o': Buffer.from(object).toString('base64') },
      },
      {
        apiVersion: 'bpf.sh/v1alpha1',
        kind: 'BPF',
        metadata: { name, namespace },
        spec: {
          program: { valueFrom: { configMapKeyRef: { name: `${name}-object`, key: 'object.o' } } },
          suspend,
          ...(metrics !== undefined && { metrics }),
        },
      },
    ];
    this.write(path.split('/').at(-1) ?? '', JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  }

  /** Any file of the folder. */
  write(file: string, text: string): void {
    writeFileSync(join(this.folder, 'draft'), text);
    renameSync(join(this.folder, 'draft'), join(this.manifests, file));
  }

  arguments(more: readonly string[] = []): string[] {
    const fixed = [...this.#wishesFrom, '--state-dir', join(this.folder, 'state'), '--bpffs', this.bpffs];
    return [...this.#program, ...fixed, '--node-name', 'n1', '--listen', '127.0.0.1:0', '--instance', 'test', ...more];
  }

  /** Starts an agent that follows what it reads, and waits until it has read it and serves. */
  async start(more: readonly string[] = []): Promise<RunningAgent> {
    const log = join(this.folder, `agent-${this.#agents.length}.log`);
    const agentProcess = startProcess(
      'agent',
      process.execPath,
      this.arguments([...(this.#wishesFrom[0] === '--manifests' ? ['--watch'] : []), ...more]),
      log,
      this.#environment,
    );
    const url = await eventually('the agent to listen', () => {
      if (agentProcess.exited !== undefined) throw new Error(`agent ended: ${agentProcess.logTail()}`);
      return /"url":"([^"]+)"/.exec(readFileSync(log, 'utf8'))?.[1];
    });
    const agent = new RunningAgent(agentProcess, url, log);
    this.#agents.push(agent);
    await eventually('the agent to be ready', async () => (await fetch(`${url}/readyz`)).ok);
    return agent;
  }

  /** Runs an agent that ends by itself. */
  run(more: readonly string[]): Promise<RunResult> {
    return run(process.execPath, this.arguments(more));
  }

  /** Paths of all pins of the agents of this home, below its bpffs folder. */
  pins(): string[] {
    if (!existsSync(this.bpffs)) return [];
    const found = readdirSync(this.bpffs, { recursive: true, withFileTypes: true });
    return found
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.#agents) await agent.process.kill();
    rmSync(this.bpffs, { recursive: true, force: true });
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class RunningAgent {
  readonly process: OwnedProcess;
  readonly url: string;
  readonly #log: string;

  constructor(owned: OwnedProcess, url: string, log: string) {
    this.process = owned;
    this.url = url;
    this.#log = log;
  }

  get log(): string {
    return readFileSync(this.#log, 'utf8');
  }

  held(): Held {
    return heldBy(this.process.pid);
  }

  async metrics(query = ''): Promise<string> {
    const response = await fetch(`${this.url}/metrics${query}`);
    if (!response.ok) throw new Error(`scrape: ${response.status} ${await response.text()}`);
    return response.text();
  }

  /** The value of a series, as text; undefined where there is none. Labels may stand in any order. */
  async value(series: string): Promise<string | undefined> {
    const wanted = sorted(series);
    const lines = (await this.metrics())
      .split('\n')
      .filter((text) => text.startsWith(series.slice(0, series.indexOf('{'))));
    const line = lines.find((text) => sorted(text.slice(0, text.lastIndexOf(' '))) === wanted);
    return line?.slice(line.lastIndexOf(' ') + 1);
  }

  /** Waits until a series has a value, or is there at all. */
  async until(series: string, value?: string): Promise<void> {
    let last: string | undefined;
    await eventually(`${series} ${value ?? ''}`, async () => {
      last = await this.value(series);
      return value === undefined ? last !== undefined : last === value;
    }).catch((cause: unknown) => {
      throw new Error(`series ${series} is ${last}, not ${value}`, { cause });
    });
  }

  /** Waits for a line of the log that has all of these in it. */
  async logged(...words: string[]): Promise<string> {
    return eventually(`a log line with ${words.join(' and ')}`, () =>
      this.log.split('\n').find((line) => words.every((word) => line.includes(word))),
    );
  }
}

/** A series with its labels in order; the tests use no values with commas. */
function sorted(series: string): string {
  const [name = '', labels = ''] = series.replace(/}$/, '').split('{');
  return `${name}{${labels.split(',').sort().join()}}`;
}
