import { ObjectError, type ObjectErrorFacts } from './object-error.ts';

/**
 * A run of little-endian bytes that knows where it is from: every read is checked, and one past the end is a Truncated
 * error with the section and the offset in it.
 */
export class Region {
  readonly bytes: Uint8Array;
  /** Name for errors; undefined for the file as a whole. */
  readonly section: string | undefined;
  /** Where `bytes` starts within what `section` names. */
  readonly start: number;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, section?: string, start = 0) {
    this.bytes = bytes;
    this.section = section;
    this.start = start;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.bytes.length;
  }

  u8(offset: number): number {
    this.#check(offset, 1);
    return this.#view.getUint8(offset);
  }

  u16(offset: number): number {
    this.#check(offset, 2);
    return this.#view.getUint16(offset, true);
  }

  u32(offset: number): number {
    this.#check(offset, 4);
    return this.#view.getUint32(offset, true);
  }

  i32(offset: number): number {
    this.#check(offset, 4);
    return this.#view.getInt32(offset, true);
  }

  /** An offset, size or address: no file has one that a double cannot hold, so such a value points behind the end. */
  u64(offset: number): number {
    this.#check(offset, 8);
    const value = this.#view.getUint32(offset + 4, true) * 0x1_0000_0000 + this.#view.getUint32(offset, true);
    if (value > Number.MAX_SAFE_INTEGER)
      throw new ObjectError('Truncated', 'a 64-bit size or offset is out of range', this.at(offset));
    return value;
  }

  /** The bytes from `offset`, `length` long; shares the memory. */
  part(offset: number, length: number): Region {
    this.#check(offset, length);
    return new Region(this.bytes.subarray(offset, offset + length), this.section, this.start + offset);
  }

  /** The place of `offset` for an error's facts. */
  at(offset: number): ObjectErrorFacts {
    const place = { offset: this.start + offset };
    return this.section === undefined ? place : { section: this.section, ...place };
  }

  #check(offset: number, length: number): void {
    if (offset >= 0 && length >= 0 && offset + length <= this.bytes.length) return;
    throw new ObjectError(
      'Truncated',
      `${length} bytes wanted, ${Math.max(0, this.bytes.length - offset)} left`,
      this.at(offset),
    );
  }
}
