import type { ProgramRuns } from '../kernel/run-statistics.ts';
import type { BpfName } from './observer.ts';
import { labelValue } from './text.ts';

/** A program in the kernel. */
export interface CountedProgram {
  readonly name: string;
  readonly fd: number;
}

/** Where the figures come from; `agent/kernel/run-statistics.ts` on a real kernel. */
export interface RunSource {
  readonly counting: boolean;
  /** Throws where the kernel refuses. */
  of(program: CountedProgram): ProgramRuns;
}

/** The families that `text` writes, with their HELP. */
export const programRunFamilies = {
  bpf_agent_program_run_seconds_total: 'Time that the program ran, over all CPUs.',
  bpf_agent_program_run_total: 'Runs of the program.',
} as const;

interface Counted {
  /** Rendered once. */
  readonly labels: string;
  /** What the programs of this name counted that it replaced. */
  readonly before: ProgramRuns;
  readonly program: CountedProgram;
}

const none: ProgramRuns = { count: 0n, durationNs: 0n };
const nsDigits = 9;

/**
 * Run count and run time of each program of this node's BPFs, as text. Each load makes programs anew, whose figures start
 * at zero: those of a BPF that is replaced go on from what its programs of the same name had, so that nothing is lost
 * between two scrapes. With another agent they start at zero.
 */
export class ProgramRunMetrics {
  readonly #node: string;
  readonly #source: RunSource;
  readonly #onUnread: (error: unknown) => void;
  readonly #bpfs = new Map<string, readonly Counted[]>();

  /** `onUnread` hears of each program whose figures the kernel refused: its series are missing then, and no others. */
  constructor(node: string, source: RunSource, onUnread: (error: unknown) => void) {
    this.#node = labelValue(node);
    this.#source = source;
    this.#onUnread = onUnread;
  }

  /** In place of what went by this `ref` before, whose programs must still be there. */
  add(ref: string, bpf: BpfName, programs: readonly CountedProgram[]): void {
    const before = this.#bpfs.get(ref) ?? [];
    // A name twice would be a series twice, and cost Prometheus the whole scrape.
    const byName = new Map(programs.map((program) => [program.name, program]));
    const counted = Array.from(byName.values(), (program): Counted => {
      const old = before.find(({ program: { name } }) => name === program.name);
      return { program, labels: this.#labels(bpf, program.name), before: (old && this.#read(old)) ?? none };
    });
    this.#bpfs.set(ref, counted);
  }

  /** Its programs may be closed as soon as this returns. */
  remove(ref: string): void {
    this.#bpfs.delete(ref);
  }

  /** Nothing while the kernel does not count. */
  text(): string {
    if (this.#bpfs.size === 0 || !this.#source.counting) return '';
    let [seconds, runs] = ['', ''];
    for (const counted of this.#bpfs.values()) {
      for (const one of counted) {
        const figures = this.#read(one);
        if (figures === undefined) continue;
        seconds += `bpf_agent_program_run_seconds_total${one.labels} ${secondsOf(figures.durationNs)}\n`;
        runs += `bpf_agent_program_run_total${one.labels} ${figures.count}\n`;
      }
    }
    return family('bpf_agent_program_run_seconds_total', seconds) + family('bpf_agent_program_run_total', runs);
  }

  #read({ program, before }: Counted): ProgramRuns | undefined {
    try {
      const { count, durationNs } = this.#source.of(program);
      return { count: before.count + count, durationNs: before.durationNs + durationNs };
    } catch (thrown) {
      this.#onUnread(thrown);
      return undefined;
    }
  }

  #labels({ namespace, name }: BpfName, program: string): string {
    const values = { bpf_namespace: namespace, bpf_name: name, program };
    const shown = Object.entries(values).map(([label, value]) => `${label}="${labelValue(value)}"`);
    return `{${shown.join(',')},node="${this.#node}"}`;
  }
}

function family(name: keyof typeof programRunFamilies, lines: string): string {
  return lines === '' ? '' : `# HELP ${name} ${programRunFamilies[name]}\n# TYPE ${name} counter\n${lines}`;
}

/** Exactly, as a decimal fraction. */
function secondsOf(ns: bigint): string {
  const digits = String(ns).padStart(nsDigits + 1, '0');
  const fraction = digits.slice(-nsDigits).replace(/0+$/, '');
  return digits.slice(0, -nsDigits) + (fraction && `.${fraction}`);
}
