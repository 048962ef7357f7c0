import type { IncomingHttpHeaders } from 'node:http';
import { CodedError } from '../errors.ts';

/**
 * What became of a request, in the words one branches on. From the server: by HTTP status, and by `reason` where one
 * status has several meanings. From here: ConnectionFailed (no whole answer came back; `facts.sent` says whether the
 * request may have been carried out), BadResponse (not what the protocol allows), ResponseTooLarge.
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
  | 'ResourceVersionTooLarge'
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
}

export class KubeError extends CodedError<KubeErrorCode, KubeErrorFacts> {}

export function isKubeError(thrown: unknown, ...codes: readonly KubeErrorCode[]): thrown is KubeError {
  return thrown instanceof KubeError && (codes.length === 0 || codes.includes(thrown.code));
}

/** metav1.Status, as far as it is read here. All of it is optional: proxies answer too. */
export interface StatusBody {
  code?: number;
  reason?: string;
  message?: string;
  details?: { retryAfterSeconds?: number; causes?: { reason?: string; field?: string }[] };
}

/** The error that a Status says: the body of a non-2xx answer, or the object of a watch's ERROR event. */
export function kubeErrorFromStatus(
  request: string,
  httpStatus: number,
  body: StatusBody,
  headers: IncomingHttpHeaders = {},
): KubeError {
  const status = body.code ?? httpStatus;
  const retryAfterMs = parseRetryAfterMs(headers['retry-after']) ?? secondsToMs(body.details?.retryAfterSeconds);
  const code = codeOfCauses(status, body) ?? codeOf(status, body.reason);
  return new KubeError(code, `${request}: ${body.message ?? 'the server said'} (${describe(status, body.reason)})`, {
    request,
    status,
    ...(body.reason === undefined || body.reason === '' ? {} : { reason: body.reason }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** The Status in the body of an answer, or the text itself where somebody else than the API server has answered. */
export function statusBodyOf(text: string): StatusBody {
  try {
    const parsed = JSON.parse(text) as (StatusBody & { kind?: unknown }) | null;
    if (parsed?.kind === 'Status') return parsed;
  } catch {
    // Not JSON: a load balancer's page, or http.Error of the API server itself. The text is the message then.
  }
  const message = text.trim();
  return message === '' ? {} : { message: message.slice(0, maxForeignMessageLength) };
}

/** An HTML page of a proxy in the way is not worth more of a log line than this. */
const maxForeignMessageLength = 256;

function describe(status: number, reason: string | undefined): string {
  return reason === undefined || reason === '' ? String(status) : `${status} ${reason}`;
}

/** Where the status alone would mislead. */
function codeOfCauses(status: number, { details }: StatusBody): KubeErrorCode | undefined {
  const causes = details?.causes ?? [];
  if (causes.some((cause) => cause.reason === 'ResourceVersionTooLarge')) return 'ResourceVersionTooLarge';
  // A patch that names the UID of an object that is gone is told that UIDs are immutable.
  if (status === 422 && causes.some((cause) => cause.field === 'metadata.uid')) return 'Conflict';
  return undefined;
}

function codeOf(status: number, reason: string | undefined): KubeErrorCode {
  switch (status) {
    case 401:
      return 'Unauthorized';
    case 403:
      return 'Forbidden';
    case 404:
      return 'NotFound';
    case 409:
      return reason === 'AlreadyExists' ? 'AlreadyExists' : 'Conflict';
    case 410:
      return 'Gone';
    case 413:
      return 'TooLarge';
    case 422:
      return 'Invalid';
    case 429:
      return 'TooManyRequests';
    case 502:
    case 503:
    case 504:
      return 'Unavailable';
    default:
      return status >= 500 ? 'ServerError' : 'BadRequest';
  }
}

/** The API server sends seconds; the HTTP-date form of RFC 9110 10.2.3 is not used by it and is ignored. */
function parseRetryAfterMs(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,6}$/.test(header.trim()) ? Number(header) * 1000 : undefined;
}

function secondsToMs(seconds: number | undefined): number | undefined {
  return seconds !== undefined && seconds > 0 ? seconds * 1000 : undefined;
}
