import type { RevisionTemplate } from '../../crds/load-config.ts';

/** One BPF as this node should run it, whoever says so: BPFRevisions from the API server, or a directory of YAML. */
export interface WantedProgram {
  /** `namespace/name`: one BPF, whatever its revision. */
  readonly ref: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** RFC 3339; decides who keeps a metric's name when two BPFs export it with different types. */
  readonly createdAt: string;
  /** First 8 hex digits of the revision's hash. */
  readonly revision: string;
  readonly payload: { readonly sha256: string; readonly sizeBytes: number };
  /** How it is loaded; absent: as the object says itself. */
  readonly template?: RevisionTemplate | undefined;
  /** The ELF: inflated, its digest checked. Throws PayloadError (payload-error.ts). */
  fetch(signal: AbortSignal): Promise<Uint8Array>;
}

/** A BPF that a source cannot turn into something to run. What ran for it before goes on. */
export interface RejectedProgram {
  readonly ref: string;
  /** A reason of `crds/reasons.ts`. */
  readonly reason: string;
  readonly message: string;
}

export interface Wishes {
  readonly wanted: readonly WantedProgram[];
  readonly rejected: readonly RejectedProgram[];
  /** Uids of BPFs that are suspended: nothing of them runs, and their counters are kept. */
  readonly suspended: readonly string[];
  /** Documents that nothing could be made of, not even a name: they count as failed. */
  readonly problems: number;
  /** False while a source could not be read whole: then nothing that is not wanted may be unloaded or unpinned. */
  readonly complete: boolean;
}

export type ProgramState = 'Pending' | 'Ready' | 'Failed';

/** What this node made of one wish. */
export interface ProgramReport {
  readonly ref: string;
  /** The revision that the state is about: the wanted one. */
  readonly revision: string;
  readonly state: ProgramState;
  readonly reason?: string;
  readonly message?: string;
}

export interface Source {
  /** Runs until `signal` aborts. Calls `onChange` with the whole of what is wanted, at first sync and after each change. */
  run(signal: AbortSignal, onChange: (wishes: Wishes) => void): Promise<void>;
  /** Takes note of what the node runs now: the whole list each time. */
  report(reports: readonly ProgramReport[]): void;
  /** Writes what `report` left pending, for an orderly stop. */
  flush(signal: AbortSignal): Promise<void>;
}
