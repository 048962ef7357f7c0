import { isModifier, kinds } from './btf-kinds.ts';
import type { BtfRecords } from './btf-records.ts';
import { maxTypeDepth } from './limits.ts';
import { ObjectError } from './object-error.ts';

const qualifiers: ReadonlyMap<number, string> = new Map([
  [kinds.const, 'const'],
  [kinds.volatile, 'volatile'],
  [kinds.restrict, 'restrict'],
]);

/**
 * The type as C writes it: `unsigned int`, `struct event`, `const char *`, `__u32[4]`. Typedefs keep their name. '' where
 * the type, or what it is made of, has none. Parameters of function types are left out: `int (*)()`.
 */
export function cNameOf(btf: BtfRecords, typeId: number): string {
  // Inside out: `declarator` is what stands right of (or around) the name that comes at the end of the chain.
  let [id, declarator, prefix] = [typeId, '', ''];
  for (let depth = 0; depth <= maxTypeDepth; depth++) {
    if (id === 0) return finish(`${prefix}void`, declarator);
    const record = btf.record(id);
    const name = btf.name(record.nameOffset);
    const qualifier = qualifiers.get(record.kind);
    switch (record.kind) {
      case kinds.ptr:
        declarator = `*${prefix}${declarator}`.trimEnd();
        prefix = '';
        break;
      case kinds.array:
        declarator = `${grouped(declarator)}[${btf.types.u32(record.dataOffset + 8)}]`;
        break;
      case kinds.funcProto:
        declarator = `${grouped(declarator)}()`;
        break;
      case kinds.struct:
        return name === '' ? '' : finish(`${prefix}struct ${name}`, declarator);
      case kinds.union:
        return name === '' ? '' : finish(`${prefix}union ${name}`, declarator);
      case kinds.fwd:
        return name === '' ? '' : finish(`${prefix}${record.kindFlag ? 'union' : 'struct'} ${name}`, declarator);
      case kinds.enum:
      case kinds.enum64:
        return name === '' ? '' : finish(`${prefix}enum ${name}`, declarator);
      default:
        if (qualifier !== undefined) prefix = `${qualifier} ${prefix}`;
        else if (record.kind === kinds.typedef || !isModifier(record.kind))
          return name === '' ? '' : finish(`${prefix}${name}`, declarator);
    }
    id = record.kind === kinds.array ? btf.types.u32(record.dataOffset) : record.sizeOrType;
  }
  const limit = maxTypeDepth;
  throw new ObjectError('TooLarge', `the name of type ${typeId} has more than ${limit} parts`, {
    ...btf.types.at(0),
    limit,
  });
}

/** `[4]` binds closer than `*`: a pointer to an array is `(*)[4]`. */
function grouped(declarator: string): string {
  return declarator.startsWith('*') ? `(${declarator})` : declarator;
}

function finish(name: string, declarator: string): string {
  if (declarator === '') return name;
  return declarator.startsWith('[') ? `${name}${declarator}` : `${name} ${declarator}`;
}
