import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../../tools/build.ts';
import { nodeStarts } from '../../tools/launcher.ts';
import { eventually } from '../apiserver/harness/eventually.ts';
import { AgentHome, type RunningAgent } from '../kernel/agent-process.ts';
import { objectOf, type Shape } from './shapes.ts';
import type { Target } from './targets.ts';

/** Below the root: a bundle finds node_modules above itself, and `make build` writes elsewhere. */
const bundleFolder = 'build/bench';
const root = fileURLToPath(new URL('../..', import.meta.url));
const eventLoop = fileURLToPath(new URL('./event-loop.ts', import.meta.url));

export interface BenchAgentOptions {
  /** Flags for Node beside those of the launcher. */
  readonly nodeFlags?: readonly string[];
  /** Whether `longestBlockMs` will be asked. It takes memory: Node then loads what strips types. */
  readonly watchLoop?: boolean;
}

/** The agent as it is shipped, bundled from the sources as they are now, in directory mode, without any BPF yet. */
export class BenchAgent implements AsyncDisposable {
  readonly home: AgentHome;
  readonly agent: RunningAgent;
  #pins: readonly string[] = [];
  #ready = 0;

  private constructor(home: AgentHome, agent: RunningAgent) {
    this.home = home;
    this.agent = agent;
  }

  /** To be called once before the first start. */
  static bundle(): Promise<void> {
    return bundle('agent', bundleFolder);
  }

  static async start({ nodeFlags = [], watchLoop = false }: BenchAgentOptions = {}): Promise<BenchAgent> {
    const { flags, environment } = nodeStarts.agent;
    const allFlags = [...flags, ...nodeFlags, ...(watchLoop ? ['--import', eventLoop] : [])];
    const home = new AgentHome(undefined, [...allFlags, join(root, bundleFolder, 'agent.js')], environment);
    try {
      return new BenchAgent(home, await home.start());
    } catch (thrown) {
      await home[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  /** Has it load an object with this shape of map, and returns where the map is pinned. */
  async load(name: string, shape: Shape, map: string): Promise<string> {
    const metrics = shape.metrics?.(map);
    this.home.apply(name, objectOf(shape, map), { namespace: 'bench', ...(metrics && { metrics }) });
    this.#ready++;
    await this.agent.until('bpf_agent_programs{node="n1",state="ready"}', `${this.#ready}`);
    const before = new Set(this.#pins);
    this.#pins = this.home.pins();
    const pin = this.#pins.find((path) => !before.has(path));
    if (pin === undefined) throw new Error(`load ${name}: no new pin`);
    return pin;
  }

  /** Everything, or with `ref` the series of one BPF. */
  target(name: string, ref?: string): Target {
    const path = ref === undefined ? '/metrics' : `/metrics?bpf=${ref}`;
    return { name, port: Number(new URL(this.agent.url).port), path };
  }

  /** The longest time in milliseconds that the event loop was held since it was last asked. */
  async longestBlockMs(): Promise<number> {
    const reports = () => [...this.agent.log.matchAll(/^event loop held for ([\d.]+) ms$/gm)];
    const before = reports().length;
    process.kill(this.agent.process.pid, 'SIGUSR2');
    return Number(await eventually('a report of the event loop', () => reports()[before]?.[1]));
  }

  /** Resident bytes, and of these the anonymous ones (proc_pid_status(5)), in KiB. */
  get memory(): Memory {
    return memoryOf(this.agent.process.pid);
  }

  /** Ends it as a service manager does, so that a profile is written. */
  async stop(): Promise<void> {
    await this.agent.process.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.home[Symbol.asyncDispose]();
  }
}

export interface Memory {
  readonly rssKiB: number;
  readonly anonymousKiB: number;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]);
  return { rssKiB: field('VmRSS'), anonymousKiB: field('RssAnon') };
}
