/** What a reconcile says about what happens next. */
export type Result =
  /** As wanted; next time something changes. */
  | { readonly type: 'done' }
  /** Look again after this time, even if nothing changes. */
  | { readonly type: 'requeue'; readonly afterMs: number }
  /** Something else must change first, and its event will bring the key back. `reason` is for the log. */
  | { readonly type: 'wait'; readonly reason: string }
  /** Trying again cannot help until the object is changed: logged and counted, not retried. */
  | { readonly type: 'stop'; readonly error: Error };

export const done: Result = { type: 'done' };

export function requeueAfter(afterMs: number): Result {
  return { type: 'requeue', afterMs };
}

export function wait(reason: string): Result {
  return { type: 'wait', reason };
}

export function stop(error: Error): Result {
  return { type: 'stop', error };
}

/** Thrown from deep inside a reconcile: the same as returning `stop(cause)`. */
export class TerminalError extends Error {
  override readonly cause: Error;

  constructor(cause: Error) {
    super(cause.message, { cause });
    this.name = 'TerminalError';
    this.cause = cause;
  }
}
