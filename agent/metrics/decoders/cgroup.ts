import type { Cgroups } from './cgroups.ts';
import { type Decoder, naming, textOf } from './decoder.ts';
import { integerIn } from './numbers-in.ts';

/** A cgroup's id to its path; `unknown_cgroup_id:ID` for one that is not there. */
export const cgroupDecoder = (cgroups: Cgroups): Decoder =>
  naming(cgroups.names, (input) => {
    const text = textOf(input);
    const id = integerIn(text);
    return (id === undefined ? undefined : cgroups.path(id)) ?? `unknown_cgroup_id:${text}`;
  });
