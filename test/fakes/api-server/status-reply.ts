/** Thrown by the fake's verbs; becomes the Status of the answer. */
export class StatusReply extends Error {
  readonly status: number;
  readonly reason: string;
  readonly causes: readonly Cause[];

  constructor(status: number, reason: string, message: string, causes: readonly Cause[] = []) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.causes = causes;
  }

  body(): object {
    const { status: code, reason, message, causes } = this;
    const details = causes.length === 0 ? {} : { details: { causes } };
    return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, reason, message, ...details };
  }
}

export interface Cause {
  readonly reason: string;
  readonly field?: string;
}
