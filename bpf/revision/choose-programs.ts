import type { ProgramEntry } from '../../crds/load-config.ts';
import type { ProgramSpec } from '../object/spec.ts';

export interface ProgramChoice {
  /** Names of the programs to load. */
  readonly on: ReadonlySet<string>;
  /** Twins of whom every one was refused: then nothing is to run. */
  readonly exhausted: readonly string[] | undefined;
}

/**
 * Which programs of an object run: those that SEC("?…") does not leave out, and what the manifest says otherwise. Without
 * those that this kernel has refused (`refused`), of twins the next.
 */
export function choosePrograms(
  programs: readonly ProgramSpec[],
  entries: readonly ProgramEntry[],
  refused: ReadonlySet<string>,
): ProgramChoice {
  const on = new Set(programs.filter(({ section }) => !section.startsWith('?')).map(({ name }) => name));
  let exhausted: readonly string[] | undefined;
  for (const { name, enabled, firstOf } of entries) {
    if (name !== undefined && enabled === true) on.add(name);
    if (name !== undefined && enabled === false) on.delete(name);
    if (firstOf === undefined) continue;
    for (const twin of firstOf) on.delete(twin);
    const first = firstOf.find((twin) => !refused.has(twin));
    if (first === undefined) exhausted ??= firstOf;
    else on.add(first);
  }
  for (const name of refused) on.delete(name);
  return { on, exhausted };
}

/** Whether the rest may run without a program: `optional`, or because a twin may take its place. */
export function roleOf(program: string, entries: readonly ProgramEntry[]): 'required' | 'optional' | 'twin' {
  const entry = entries.find(({ name, firstOf }) => name === program || firstOf?.includes(program) === true);
  if (entry?.firstOf !== undefined) return 'twin';
  return entry?.required === false ? 'optional' : 'required';
}
