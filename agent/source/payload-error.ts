import { CodedError } from '../../runtime/errors.ts';

/** The object of a wish did not arrive, or is not the one that was pinned. */
export class PayloadError extends CodedError<
  'PayloadUnavailable' | 'DigestMismatch' | 'InvalidObject',
  { readonly ref: string }
> {}
