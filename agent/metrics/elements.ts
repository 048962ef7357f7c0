import { indexLabel } from '../../bpf/metrics/names.ts';
import type { Elements } from '../../bpf/metrics/plan.ts';
import type { ExtraLabels } from './lines.ts';

/** For each element of a value that repeats, the label that tells it apart; of one that does not, none. */
export function elementLabels(elements: Elements | undefined): readonly ExtraLabels[] {
  if (elements === undefined) return [[]];
  const { count, label = indexLabel, names = [] } = elements;
  return Array.from({ length: count }, (_, i) => [[label, names[i] ?? String(i)]]);
}
