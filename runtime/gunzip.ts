import { gunzipSync } from 'node:zlib';
import { codeOf } from './errors.ts';

/**
 * The inflated bytes; undefined where they would be more than `limitBytes`, and then no more than that was ever held.
 * Throws for what is not gzip, or not whole.
 */
export function gunzip(bytes: Uint8Array, limitBytes: number): Uint8Array | undefined {
  try {
    return gunzipSync(bytes, { maxOutputLength: limitBytes });
  } catch (thrown) {
    if (codeOf(thrown) === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw thrown;
  }
}
