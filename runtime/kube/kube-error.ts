import { CodedError } from '../errors.ts';

/**
 * What became of a request, in the words one branches on. From the server: by HTTP status (and `reason` where one status
 * has several). From here: ConnectionFailed (nothing came back, whether or not it was carried out: `facts.sent`),
 * BadResponse (not what the protocol allows), ResponseTooLarge.
 */
export type KubeErrorCode =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'TooLarge'
  | 'Invalid'
  | 'TooManyRequests'
  | 'ServerError'
  | 'Unavailable'
  | 'ConnectionFailed'
  | 'BadResponse'
  | 'ResponseTooLarge';

export interface KubeErrorFacts {
  /** `GET /api/v1/nodes`. */
  readonly request: string;
  /** HTTP status; absent when there was no answer. */
  readonly status?: number;
  /** `reason` of the Status object: `AlreadyExists`, `Expired`, … */
  readonly reason?: string;
  /** How long the server asked us to stay away. */
  readonly retryAfterMs?: number;
  /** ConnectionFailed only: false when the request certainly never reached the server. */
  readonly sent?: boolean;
  /** The `continue` token that a 410 on a page brings, to go on with an inconsistent list. */
  readonly continueToken?: string;
}

export class KubeError extends CodedError<KubeErrorCode, KubeErrorFacts> {}

export function isKubeError(thrown: unknown, ...codes: readonly KubeErrorCode[]): thrown is KubeError {
  return thrown instanceof KubeError && (codes.length === 0 || codes.includes(thrown.code));
}
