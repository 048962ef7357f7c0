import { parseExposition, type Sample } from '../unit/agent/metrics/parse.ts';
import type { ReportLine } from './report.ts';

type Labels = Readonly<Record<string, string>>;

/** A warning of the agent about a BPF. */
export interface Warning {
  readonly reason: string | undefined;
  readonly msg: string;
}

/** What a virtual machine told, to be asked for facts. */
export class Told {
  readonly machine: Extract<ReportLine, { kind: 'machine' }>;
  readonly #scrapes = new Map<string, readonly Sample[]>();
  readonly #logs = new Map<string, string>();
  /** Names of the steps of each run, in order. */
  readonly #steps = new Map<string, string[]>();

  constructor(lines: readonly ReportLine[]) {
    const machine = lines.find((line) => line.kind === 'machine');
    if (machine === undefined) throw new Error('the machine did not say what it is');
    this.machine = machine;
    for (const line of lines) {
      if (line.kind === 'log') this.#logs.set(line.run, line.text);
      if (line.kind !== 'scrape') continue;
      this.#scrapes.set(`${line.run}/${line.step}`, parseExposition(line.exposition).samples);
      this.#steps.set(line.run, [...(this.#steps.get(line.run) ?? []), line.step]);
    }
  }

  /** Samples with this name and, among their labels, these; behind the last step, or another. */
  samples(run: string, name: string, labels: Labels = {}, step = this.#steps.get(run)?.at(-1)): readonly Sample[] {
    const scrape = this.#scrapes.get(`${run}/${step}`);
    if (scrape === undefined) throw new Error(`no scrape of ${run}/${step}`);
    const wanted = Object.entries(labels);
    return scrape.filter(
      (sample) => sample.name === name && wanted.every(([key, value]) => sample.labels[key] === value),
    );
  }

  /** The sum of their values. */
  sum(run: string, name: string, labels: Labels = {}, step?: string): number {
    return this.samples(run, name, labels, step).reduce((total, { value }) => total + Number(value), 0);
  }

  /** What a step added to that sum. */
  added(run: string, step: string, name: string, labels: Labels = {}): number {
    const steps = this.#steps.get(run) ?? [];
    const before = steps[steps.indexOf(step) - 1];
    if (before === undefined) throw new Error(`${run} has no step before ${step}`);
    return this.sum(run, name, labels, step) - this.sum(run, name, labels, before);
  }

  /** Names of the BPFs that an agent ran. */
  ready(run: string): string[] {
    return this.samples(run, 'bpf_agent_program_info')
      .map(({ labels }) => labels['bpf_name'] ?? '')
      .sort();
  }

  /** Warnings of an agent, by BPF, each once. */
  warnings(run: string): ReadonlyMap<string, readonly Warning[]> {
    const found = new Map<string, Warning[]>();
    for (const line of (this.#logs.get(run) ?? '').split('\n').filter((text) => text.startsWith('{'))) {
      const { level, bpf = '', reason, msg } = JSON.parse(line) as Record<string, string>;
      if (level !== 'warn' && level !== 'error') continue;
      const name = bpf.replace('default/', '');
      const others = found.get(name) ?? [];
      if (others.some((other) => other.msg === msg)) continue;
      found.set(name, [...others, { reason, msg: msg ?? '' }]);
    }
    return found;
  }

  /** Programs of a BPF that the kernel refused, so that a twin runs, or the rest without them. */
  off(run: string, bpf: string): string[] {
    const messages = (this.warnings(run).get(bpf) ?? []).map(({ msg }) => msg);
    return messages.flatMap((msg) => /^program (\w+) is off: /.exec(msg)?.[1] ?? []);
  }
}
