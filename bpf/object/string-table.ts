import { maxDecodedNameBytes, maxNameBytes } from './limits.ts';
import { ObjectError } from './object-error.ts';
import type { Region } from './region.ts';

/** NUL-terminated names by offset: an ELF string table, or the string section of BTF. Each name is decoded once. */
export class StringTable {
  readonly #region: Region;
  readonly #names = new Map<number, string>();
  // Names may overlap (a hostile table is read from every offset), so what was decoded is counted.
  #decodedBytes = 0;
  readonly #utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor(region: Region) {
    this.#region = region;
  }

  at(offset: number, maxBytes: number = maxNameBytes): string {
    const known = this.#names.get(offset);
    if (known !== undefined) return known;
    const { bytes } = this.#region;
    if (offset >= bytes.length) {
      throw new ObjectError(
        'Truncated',
        `a name at ${offset} of a string table of ${bytes.length} bytes`,
        this.#region.at(bytes.length),
      );
    }
    const window = bytes.subarray(offset, offset + maxBytes + 1);
    const length = window.indexOf(0);
    if (length < 0) {
      if (window.length > maxBytes) {
        throw new ObjectError('TooLarge', `a name is longer than ${maxBytes} bytes`, {
          ...this.#region.at(offset),
          limit: maxBytes,
        });
      }
      throw new ObjectError('Truncated', 'a name without its end', this.#region.at(offset));
    }
    this.#decodedBytes += length;
    if (this.#decodedBytes > maxDecodedNameBytes) {
      const limit = maxDecodedNameBytes;
      throw new ObjectError('TooLarge', `names of more than ${limit} bytes in all`, {
        ...this.#region.at(offset),
        limit,
      });
    }
    const name = this.#utf8.decode(window.subarray(0, length));
    this.#names.set(offset, name);
    return name;
  }
}
