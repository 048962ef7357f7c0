import { type Decoder, naming, unreadable } from './decoder.ts';
import type { NetNamespaces } from './net-namespaces.ts';
import { unsignedOf } from './numbers-in.ts';

/** A network namespace's inode number to its name; `unknown:NUMBER` where it has none. */
export const netnsDecoder = (namespaces: NetNamespaces): Decoder =>
  naming(namespaces.names, (input) => {
    const inode = unsignedOf(input);
    return inode === undefined ? unreadable(input) : (namespaces.name(inode) ?? `unknown:${inode}`);
  });
