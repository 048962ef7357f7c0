import { btfSections } from './btf.ts';
import { kinds } from './btf-kinds.ts';
import { recordAt, recordLength } from './btf-records.ts';
import { type Enumerators, enumeratorsOf } from './enumerators.ts';
import { StringTable } from './string-table.ts';

/** Types that are looked at between two yields: about a millisecond. */
const typesPerStep = 8192;

/**
 * The enums with these names in a BTF blob as large as a kernel's, without an index of all of it. Yields now and then, for
 * whoever has others to serve. A name that is not there is not in the result; of several with one name the first with
 * enumerators counts. Throws ObjectError.
 */
export function* findEnums(
  bytes: Uint8Array,
  names: { has(name: string): boolean },
  section: string,
): Generator<void, Map<string, Enumerators>> {
  const { types, strings } = btfSections(bytes, section);
  const table = new StringTable(strings);
  const found = new Map<string, Enumerators>();
  let id = 1;
  for (let at = 0; at < types.length; id++) {
    if (id % typesPerStep === 0) yield;
    const kind = (types.u32(at + 4) >>> 24) & 0x1f;
    if (kind === kinds.enum || kind === kinds.enum64) {
      const record = recordAt(types, at, id);
      const name = table.at(record.nameOffset);
      // Without enumerators it is a forward declaration.
      if (record.count > 0 && names.has(name) && !found.has(name)) {
        recordLength(types, at, id);
        found.set(
          name,
          enumeratorsOf(record, types, (offset) => table.at(offset)),
        );
      }
    }
    at += recordLength(types, at, id);
  }
  return found;
}
