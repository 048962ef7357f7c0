import { type Decoder, naming, unreadable } from './decoder.ts';
import type { Interfaces } from './interfaces.ts';
import { firstU32 } from './numbers-in.ts';

/** The index of a network interface, a u32, to its name; `unknown:INDEX` for one that is not there. */
export const ifnameDecoder = (interfaces: Interfaces): Decoder =>
  naming(interfaces.names, (input) => {
    const index = firstU32(input);
    return index === undefined ? unreadable(input) : (interfaces.name(index) ?? `unknown:${index}`);
  });
