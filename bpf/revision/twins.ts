import type { ProgramSpec } from '../object/spec.ts';

/**
 * Programs that look like one program for several kernels: attached to one place in two ways. A sentence for each pair,
 * since nobody means to count twice. `on` are the names of those that run together.
 */
export function twinWarnings(programs: readonly ProgramSpec[], on: ReadonlySet<string>): string[] {
  const running = programs.filter(({ name }) => on.has(name));
  const byPlace = Map.groupBy(running, ({ section }) => placeOf(section)?.place);
  return Array.from(byPlace).flatMap(([place, [first, ...others]]) => {
    if (place === undefined || first === undefined) return [];
    const twin = others.find(({ section }) => placeOf(section)?.way !== placeOf(first.section)?.way);
    if (twin === undefined) return [];
    return [
      `programs ${first.name} (${first.section}) and ${twin.name} (${twin.section}) both attach to ${place}: what both count would count twice [programs: firstOf, or enabled: false]`,
    ];
  });
}

/** Ways to one place, by the section's prefix: before a function, behind it, a tracepoint. `.s` marks one that sleeps. */
const ways: Readonly<Record<string, string>> = {
  fentry: 'the entry of function',
  kprobe: 'the entry of function',
  fexit: 'the return of function',
  kretprobe: 'the return of function',
  tp_btf: 'tracepoint',
  raw_tp: 'tracepoint',
  raw_tracepoint: 'tracepoint',
  tp: 'tracepoint',
  tracepoint: 'tracepoint',
};
/** Two spellings of one way. */
const longNames: Readonly<Record<string, string>> = { raw_tp: 'raw_tracepoint', tp: 'tracepoint' };

/** `tp/sched/sched_switch` and `tp_btf/sched_switch` are one place: tracepoint names are unique but for their category. */
function placeOf(section: string): { readonly place: string; readonly way: string } | undefined {
  const [, prefix = '', target] = /^\??([a-z_]+)(?:\.s|\.w)?\/(?:[^/]+\/)?([^/+]+)$/.exec(section) ?? [];
  const kind = Object.hasOwn(ways, prefix) ? ways[prefix] : undefined;
  if (kind === undefined || target === undefined) return undefined;
  return { place: `${kind} ${target}`, way: longNames[prefix] ?? prefix };
}
