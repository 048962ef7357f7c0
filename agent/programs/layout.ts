import type { GlobalSpec, Layout, MapSpec, ObjectSpec } from '../../bpf/object/spec.ts';

/** Everything that must be equal for a map's old bytes to make sense to a new object, as text. */
export function mapLayout(object: ObjectSpec, map: MapSpec): string {
  return JSON.stringify([
    map.type,
    map.keySizeBytes,
    map.valueSizeBytes,
    map.maxEntries,
    map.flags,
    map.keyTypeId === undefined ? null : shape(object.types.layout(map.keyTypeId)),
    map.valueTypeId === undefined ? null : shape(object.types.layout(map.valueTypeId)),
  ]);
}

/**
 * The same for a section: its variables, and `initial`, a digest of the bytes that the object starts `.data` with; other
 * initial bytes are another wish.
 */
export function sectionLayout(object: ObjectSpec, section: string, initial: string): string {
  const variables = object.globals
    .filter((variable: GlobalSpec) => variable.section === section)
    .map(({ name, offsetBytes, typeId }) => [name, offsetBytes, shape(object.types.layout(typeId))]);
  return JSON.stringify([section, initial, variables]);
}

/** A layout as plain data: names, offsets and sizes, the enumerators included, since they become label values. */
function shape(layout: Layout): unknown {
  switch (layout.kind) {
    case 'int':
      return ['int', layout.sizeBytes, layout.signed, layout.encoding];
    case 'enum':
      return ['enum', layout.sizeBytes, Array.from(layout.enumerators, ([value, name]) => [String(value), name])];
    case 'array':
      return ['array', layout.count, shape(layout.element)];
    case 'struct':
    case 'union':
      return [
        layout.kind,
        layout.sizeBytes,
        layout.members.map(({ name, offsetBytes, bitfield, layout: member }) => [
          name,
          offsetBytes,
          bitfield === undefined ? null : [bitfield.bitOffset, bitfield.bitSize],
          shape(member),
        ]),
      ];
    case 'float':
    case 'pointer':
    case 'opaque':
      return [layout.kind, layout.sizeBytes];
  }
}
