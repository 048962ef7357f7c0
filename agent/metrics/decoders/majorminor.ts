import { type Decoder, naming, unreadable } from './decoder.ts';
import { firstU32 } from './numbers-in.ts';
import type { Partitions } from './partitions.ts';

/**
 * A device's number as user space knows it, a u32, to its name. The minor number is split: new_encode_dev() of
 * include/linux/kdev_t.h.
 */
export const majorminorDecoder = (partitions: Partitions): Decoder =>
  naming(partitions.names, (input) => {
    const device = firstU32(input);
    if (device === undefined) return unreadable(input);
    const major = (device >>> 8) & 0xfff;
    const minor = (device & 0xff) | ((device >>> 12) & 0xfff00);
    return partitions.name(major, minor);
  });
