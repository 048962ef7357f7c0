import type { Layout, MapSpec, TypeTable } from '../object/spec.ts';
import { type Field, fieldsOf, numberAt } from './fields.ts';
import { isReservedLabel, legalLabelName } from './names.ts';
import type { LabelPlan, Reading } from './plan.ts';

/** A label that BTF makes, and of what. */
export interface Claim extends LabelPlan {
  /** In C's terms, for messages: `member a.b of the key of map "stats"`. */
  readonly part: string;
}

export type Shape = 'hash' | 'array';

/** A label for each member of a map's key. A name that is taken, or not to be taken, becomes `key_<name>`. */
export function keyLabels(
  types: TypeTable,
  map: MapSpec,
  shape: Shape,
  owner: string,
  taken: ReadonlySet<string>,
): readonly Claim[] {
  const claim = (path: readonly string[], reading: Reading): Claim => {
    const name = legalLabelName(path.length === 0 ? 'key' : path.join('_'));
    const part = path.length === 0 ? `the key of ${owner}` : `member ${path.join('.')} of the key of ${owner}`;
    return { name: isReservedLabel(name) || taken.has(name) ? `key_${name}` : name, from: 'key', reading, part };
  };
  const layout = layoutOf(types, map.keyTypeId, map.keySizeBytes);
  // The kernel takes any type of four bytes as an array's key; what it means is the index.
  if (shape === 'array' || layout === undefined) return [claim([], untypedReading(map.keySizeBytes))];
  const claims = fieldsOf(layout, map.keySizeBytes).map((field) => claim(field.path, labelReading(field.shape)));
  return claims.length === 0 ? [claim([], untypedReading(map.keySizeBytes))] : claims;
}

/** The type that BTF gives, where its size is what the map's is; otherwise BTF does not speak of these bytes. */
export function layoutOf(types: TypeTable, typeId: number | undefined, sizeBytes: number): Layout | undefined {
  if (typeId === undefined) return undefined;
  const layout = types.layout(typeId);
  return layout.sizeBytes === sizeBytes ? layout : undefined;
}

/** Bytes that no type speaks of: an unsigned number where they are 1, 2, 4 or 8, otherwise hex. */
export function untypedReading(sizeBytes: number): Reading {
  return numberAt(0, sizeBytes, false) ?? { kind: 'hex', offsetBytes: 0, sizeBytes };
}

/** Of a part of a key: whatever it is, it must show, or two keys would look alike. */
export function labelReading(shape: Field['shape']): Reading {
  switch (shape.kind) {
    case 'label':
    case 'pointer':
      return shape.reading;
    case 'number':
      return shape.names === undefined ? shape.reading : { kind: 'enum', number: shape.reading, names: shape.names };
    case 'numbers':
      return { kind: 'hex', offsetBytes: shape.first.offsetBytes, sizeBytes: shape.count * shape.strideBytes };
    case 'bytes':
      return { kind: 'hex', offsetBytes: shape.offsetBytes, sizeBytes: shape.sizeBytes };
  }
}
