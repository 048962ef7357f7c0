import type { BpfStatus } from '../../crds/bpf.ts';
import type { RejectionReason } from '../../crds/reasons.ts';

/** What the last reconcile found out about one BPF: with its counters, all that its status is made of. */
export type BpfRecord = LivingRecord | TerminatingRecord;

export interface TerminatingRecord {
  readonly uid: string;
  readonly generation: number;
  readonly terminating: true;
}

export interface LivingRecord {
  readonly uid: string;
  readonly generation: number;
  readonly terminating: false;
  readonly suspended: boolean;
  readonly acceptance: Acceptance;
  /** What nodes should run; of a BPF that was refused, the last good one. Undefined when there never was one. */
  readonly wanted: WantedRevision | undefined;
}

export type Acceptance =
  | {
      readonly accepted: true;
      readonly programs: NonNullable<BpfStatus['programs']>;
      /** What is allowed and probably not meant: a sentence each. */
      readonly warnings: readonly string[];
    }
  | { readonly accepted: false; readonly reason: RejectionReason; readonly message: string };

export interface WantedRevision {
  /** First 8 hex digits of its hash. */
  readonly revision: string;
  readonly payload: NonNullable<BpfStatus['payload']>;
}
