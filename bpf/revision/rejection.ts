import type { RejectionReason } from '../../crds/reasons.ts';

/** Why a BPF cannot be run by any node. Part of what a user reads, so a value and not an exception. */
export interface Rejection {
  readonly ok: false;
  readonly reason: RejectionReason;
  /** `verb noun: cause [hint]`. */
  readonly message: string;
}

export const reject = (reason: RejectionReason, message: string): Rejection => ({ ok: false, reason, message });
