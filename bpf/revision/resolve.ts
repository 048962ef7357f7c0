import { type Bpf, type BpfStatus, statusNameMaxLength, statusProgramsMax } from '../../crds/bpf.ts';
import type { RevisionTemplate } from '../../crds/load-config.ts';
import type { RejectionReason } from '../../crds/reasons.ts';
import { metricPlan } from '../metrics/metric-plan.ts';
import type { MetricPlan } from '../metrics/plan.ts';
import { ObjectError, type ObjectErrorCode } from '../object/object-error.ts';
import { readObject } from '../object/read-object.ts';
import type { ObjectSpec } from '../object/spec.ts';
import { configure } from './configure.ts';
import { type ConfigMapContent, type Payload, type PayloadDeps, readPayload, readText } from './read-payload.ts';
import { type Rejection, reject } from './rejection.ts';
import { templateOf } from './template.ts';

/** What nodes should run: a BPF with the content of its object. */
export interface Revision {
  readonly payload: Payload;
  /** With the sizes of maps that the BPF says. */
  readonly object: ObjectSpec;
  /** How nodes load it; undefined: as the object says itself. */
  readonly template: RevisionTemplate | undefined;
  /** What its maps are exported as. */
  readonly plan: MetricPlan;
  /** For the BPF's status, within its bounds. */
  readonly programs: NonNullable<BpfStatus['programs']>;
  /** What is allowed and probably not meant: a sentence each. */
  readonly warnings: readonly string[];
}

export type Resolution = { readonly ok: true; readonly revision: Revision } | Rejection;

/**
 * BPF + ConfigMap (undefined: not found) → what nodes should run, or why they cannot. The operator, and the agent in
 * directory mode, both do exactly this, so that a mistake reads the same in both. Throws nothing that depends on its input.
 */
export function resolve(bpf: Bpf, configMap: ConfigMapContent | undefined, deps: PayloadDeps): Resolution {
  const payload = readPayload(bpf, configMap, deps);
  if (!payload.ok) return payload;

  try {
    const template = templateOf(bpf.spec);
    const configured = configure(readObject(payload.elf), template);
    if (!configured.ok) return configured;
    const { object, warnings } = configured;
    const { plan, faults } = metricPlan(object, template?.metrics);
    if (faults.length > 0) return reject('InvalidMetric', told(faults.map(({ message }) => message)));
    const revision = { payload, object, template, plan, programs: programsForStatus(object), warnings };
    return { ok: true, revision };
  } catch (thrown) {
    if (!(thrown instanceof ObjectError)) throw thrown;
    return reject(reasonOf(thrown.code), `${readText(bpf)}: ${thrown.message}`);
  }
}

/** A manifest can have thousands of faults, and a person mends a few at a time. */
const maxFaultsTold = 16;

function told(messages: readonly string[]): string {
  const more = messages.length - maxFaultsTold;
  return messages.slice(0, maxFaultsTold).join('; ') + (more > 0 ? `; and ${more} more` : '');
}

/** Two of the reader's codes say that the bytes are something else altogether; the rest, that an ELF is not what it should be. */
const reasonOf = (code: ObjectErrorCode): RejectionReason =>
  code === 'Empty' || code === 'NotAnELF' ? 'NotAnELF' : 'InvalidObject';

const programsForStatus = ({ programs }: ObjectSpec): Revision['programs'] =>
  programs.slice(0, statusProgramsMax).map(({ name, type, section }) => ({
    name: cut(name),
    type,
    section: cut(section),
  }));

/** The API server counts characters as code points (utf8.RuneCountInString). */
const cut = (text: string): string => {
  const characters = [...text];
  return characters.length <= statusNameMaxLength ? text : `${characters.slice(0, statusNameMaxLength - 1).join('')}…`;
};
