import type { MetricPlan } from '../../bpf/metrics/plan.ts';
import type { Attachment } from '../kernel/attachment.ts';
import type { LoadedObject } from '../kernel/kernel-object.ts';
import type { WantedProgram } from '../source/source.ts';

/** A BPF at work on this node. */
export interface Running {
  readonly wish: WantedProgram;
  readonly plan: MetricPlan;
  readonly object: LoadedObject;
  readonly attachments: readonly Attachment[];
  readonly pinPaths: ReadonlySet<string>;
}

/** Takes what runs to the metrics side; `agent/metrics` on a real agent. Called before maps are closed, never after. */
export interface MetricsSink {
  /** Exports the maps of what runs, in place of what the same BPF exported before. */
  add(running: Running): void;
  remove(ref: string): void;
  /** Which of its metrics another BPF keeps it from exporting, for people; undefined where none. */
  conflict(ref: string): string | undefined;
}

/** Counts and times loads, for the agent's own metrics. */
export interface LoadObserver {
  loaded(result: 'success' | 'failure', durationMs: number): void;
}
