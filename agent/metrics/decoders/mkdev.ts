import { type Decoder, naming, unreadable } from './decoder.ts';
import { firstU32 } from './numbers-in.ts';
import type { Partitions } from './partitions.ts';

/** MINORBITS of include/linux/kdev_t.h */
const minorBits = 20;

/** A device's number as the kernel itself keeps it (`dev_t`, MKDEV), a u32, to its name. bcc's tools have these. */
export const mkdevDecoder = (partitions: Partitions): Decoder =>
  naming(partitions.names, (input) => {
    const device = firstU32(input);
    if (device === undefined) return unreadable(input);
    return partitions.name(device >>> minorBits, device & ((1 << minorBits) - 1));
  });
