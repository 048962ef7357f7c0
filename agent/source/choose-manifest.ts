import { isDeepStrictEqual } from 'node:util';
import type { Manifest } from './manifests.ts';

export interface Choice<T> {
  readonly chosen: Manifest<T>;
  /** What says the same name elsewhere and does not count. */
  readonly others: readonly Manifest<T>[];
}

/**
 * Which of the manifests with one name counts: what is in the file that was accepted before (there the unchanged document,
 * if several have the name), so that another file can never take a running BPF over; else the first good one by path.
 * `candidates` in the order of path and document; `accepted` by ref.
 */
export function chooseManifests<T>(
  candidates: readonly Manifest<T>[],
  accepted: ReadonlyMap<string, Manifest<T>>,
): Map<string, Choice<T>> {
  const choices = new Map<string, Choice<T>>();
  for (const [ref, same] of Map.groupBy(candidates, (manifest) => manifest.ref)) {
    const before = accepted.get(ref);
    // toSorted is stable: equal ranks stay in the order of paths.
    const [chosen, ...others] = same.toSorted((a, b) => rank(a, before) - rank(b, before));
    if (chosen !== undefined) choices.set(ref, { chosen, others });
  }
  return choices;
}

function rank<T>(manifest: Manifest<T>, before: Manifest<T> | undefined): number {
  if (before !== undefined && manifest.place.file === before.place.file) {
    return manifest.ok && before.ok && isDeepStrictEqual(manifest.value, before.value) ? 0 : 1;
  }
  return manifest.ok ? 2 : 3;
}
