import type { MetricPlan } from '../../bpf/metrics/plan.ts';
import { roleOf } from '../../bpf/revision/choose-programs.ts';
import type { Attachment } from '../kernel/attachment.ts';
import type { LoadedObject } from '../kernel/kernel-object.ts';
import type { ProgramReport, WantedProgram } from '../source/source.ts';
import { tellOff } from './failure.ts';
import type { Refused } from './load.ts';

/** A BPF at work on this node. */
export interface Running {
  readonly wish: WantedProgram;
  readonly plan: MetricPlan;
  readonly object: LoadedObject;
  readonly attachments: readonly Attachment[];
  readonly pinPaths: ReadonlySet<string>;
  /** Programs that are off because this kernel refused them. */
  readonly refused: Refused;
}

/** What people should know of a BPF that runs. `conflict` and `limited` are what its metrics sink says. */
export function warningOf(
  { wish, refused }: Pick<Running, 'wish' | 'refused'>,
  conflict: string | undefined,
  limited: string | undefined,
): Pick<ProgramReport, 'reason' | 'message'> {
  const entries = wish.template?.programs ?? [];
  // That a twin is off is what twins are for.
  const off = Array.from(refused).flatMap(([program, failure]) =>
    roleOf(program, entries) === 'optional' ? [tellOff(program, failure)] : [],
  );
  const told = [conflict, limited, ...off].filter((text) => text !== undefined);
  if (conflict !== undefined) return { reason: 'MetricConflict', message: told.join('; ') };
  if (limited !== undefined) return { reason: 'SeriesLimited', message: told.join('; ') };
  return off.length === 0 ? {} : { reason: 'OptionalProgramFailed', message: off.join('; ') };
}

/** Takes what runs to the metrics side; `agent/metrics` on a real agent. Called before maps are closed, never after. */
export interface MetricsSink {
  /** Exports the maps of what runs, in place of what the same BPF exported before. */
  add(running: Running): void;
  remove(ref: string): void;
  /** Which of its metrics another BPF keeps it from exporting, for people; undefined where none. */
  conflict(ref: string): string | undefined;
  /** That it has more series than it may, for people; undefined where not. */
  limited(ref: string): string | undefined;
}

/** Counts and times loads, for the agent's own metrics. */
export interface LoadObserver {
  loaded(result: 'success' | 'failure', durationMs: number): void;
}
