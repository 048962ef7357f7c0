import { kinds } from './btf-kinds.ts';
import type { BtfRecord } from './btf-records.ts';
import type { Region } from './region.ts';

/** By value. Of two names for one value the first counts: `LAST = C` and `MAX = LAST` follow what they stand for. */
export type Enumerators = ReadonlyMap<bigint, string>;

/** Of an ENUM or ENUM64. `nameAt` gives what the string section has at an offset. */
export function enumeratorsOf(record: BtfRecord, types: Region, nameAt: (offset: number) => string): Enumerators {
  const wide = record.kind === kinds.enum64;
  const enumerators = new Map<bigint, string>();
  for (let i = 0; i < record.count; i++) {
    const at = record.dataOffset + i * (wide ? 12 : 8);
    const value = wide ? (BigInt(types.u32(at + 8)) << 32n) | BigInt(types.u32(at + 4)) : BigInt(types.u32(at + 4));
    // Clang before 15 never set kind_flag: its negative enumerators come as u32, here as in bpftool.
    const shown = record.kindFlag ? BigInt.asIntN(wide ? 64 : 32, value) : value;
    if (!enumerators.has(shown)) enumerators.set(shown, nameAt(types.u32(at)));
  }
  return enumerators;
}
