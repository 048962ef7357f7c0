/** BTF_KIND_* (include/uapi/linux/btf.h) */
export const kinds = {
  void: 0,
  int: 1,
  ptr: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  fwd: 7,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  func: 12,
  funcProto: 13,
  var: 14,
  datasec: 15,
  float: 16,
  declTag: 17,
  typeTag: 18,
  enum64: 19,
} as const;

export const kindCount = 20;

/** Bytes behind the record: once, or once per member, enumerator, parameter or variable. */
export function trailingBytes(kind: number, count: number): number {
  switch (kind) {
    case kinds.int:
    case kinds.var:
    case kinds.declTag:
      return 4;
    case kinds.array:
      return 12;
    case kinds.struct:
    case kinds.union:
    case kinds.datasec:
    case kinds.enum64:
      return 12 * count;
    case kinds.enum:
    case kinds.funcProto:
      return 8 * count;
    default:
      return 0;
  }
}

/** Typedefs, qualifiers and tags: they change a type's name, never its layout. */
export function isModifier(kind: number): boolean {
  return (kind >= kinds.typedef && kind <= kinds.restrict) || kind === kinds.typeTag;
}
