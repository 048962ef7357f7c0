import type { BpfSpec } from '../../crds/bpf.ts';
import type { RevisionTemplate } from '../../crds/load-config.ts';

/** Of what a BPF says, that which is about loading its object. Undefined where it says nothing, or nothing but empty lists. */
export function templateOf({ globals, maps, programs, metrics }: BpfSpec): RevisionTemplate | undefined {
  const template: RevisionTemplate = {
    ...(globals !== undefined && Object.keys(globals).length > 0 && { globals }),
    ...(maps !== undefined && maps.length > 0 && { maps }),
    ...(programs !== undefined && programs.length > 0 && { programs }),
    ...(metrics !== undefined && Object.keys(metrics).length > 0 && { metrics }),
  };
  return Object.keys(template).length === 0 ? undefined : template;
}
