import type { Layout, MemberLayout } from '../object/spec.ts';
import type { NumberReading, Reading } from './plan.ts';

/** A part of a key or value that can be read by itself. */
export interface Field {
  /** Member names from the outside in; empty for the whole. */
  readonly path: readonly string[];
  readonly shape:
    | { readonly kind: 'label'; readonly reading: Reading }
    | { readonly kind: 'number'; readonly reading: NumberReading; readonly names?: ReadonlyMap<bigint, string> }
    | { readonly kind: 'pointer'; readonly reading: NumberReading }
    | { readonly kind: 'numbers'; readonly first: NumberReading; readonly count: number; readonly strideBytes: number }
    /** Nothing that we know how to show as a number or text, with what C calls it; hex still holds it. */
    | { readonly kind: 'bytes'; readonly what: string; readonly offsetBytes: number; readonly sizeBytes: number };
}

/**
 * Every part of a type, in order of declaration, nested structs opened. Padding is no part. A part that would reach
 * beyond `limitBytes` (BTF and the map disagree) is left out.
 */
export function fieldsOf(layout: Layout, limitBytes: number): readonly Field[] {
  const walk: Walk = { fields: [], limitBytes, membersLeft: maxMembers };
  collect(layout, 0, [], walk);
  return walk.fields;
}

/** Members seen in one type, nested ones included: empty structs within structs could otherwise multiply without end. */
const maxMembers = 4096;

interface Walk {
  readonly fields: Field[];
  readonly limitBytes: number;
  membersLeft: number;
}

/** Structs that the kernel keeps for itself inside a value, and hides from whoever reads it (include/uapi/linux/bpf.h). */
const kernelStructs: ReadonlySet<string> = new Set([
  'bpf_spin_lock',
  'bpf_res_spin_lock',
  'bpf_timer',
  'bpf_wq',
  'bpf_task_work',
  'bpf_list_head',
  'bpf_list_node',
  'bpf_rb_root',
  'bpf_rb_node',
  'bpf_refcount',
]);

function collect(layout: Layout, at: number, path: readonly string[], walk: Walk): void {
  if (layout.kind === 'struct') {
    if (kernelStructs.has(layout.name)) return;
    for (const member of layout.members) collectMember(member, at, path, walk);
    return;
  }
  if (layout.sizeBytes === 0 || at + layout.sizeBytes > walk.limitBytes) return;
  walk.fields.push({ path, shape: shapeOf(layout, at) });
}

function collectMember(member: MemberLayout, at: number, path: readonly string[], walk: Walk): void {
  if (walk.membersLeft-- <= 0) return;
  const offsetBytes = at + member.offsetBytes;
  const { layout, bitfield } = member;
  if (bitfield !== undefined) {
    const reading = bitsAt(offsetBytes * 8 + bitfield.bitOffset, bitfield.bitSize, layout);
    // A bitfield without a name is padding that somebody wrote down.
    if (
      reading === undefined ||
      member.name === '' ||
      offsetBytes * 8 + bitfield.bitOffset + bitfield.bitSize > walk.limitBytes * 8
    )
      return;
    walk.fields.push({ path: [...path, member.name], shape: numberShape(reading, layout) });
    return;
  }
  // An anonymous struct's members count as the enclosing one's; an anonymous union has no name to go by but its place.
  const anonymous = layout.kind === 'struct' ? [] : [`bytes_${offsetBytes}`];
  collect(layout, offsetBytes, [...path, ...(member.name === '' ? anonymous : [member.name])], walk);
}

/** What a part of this type, `at` bytes from the start, can be read as. */
export function shapeOf(layout: Layout, at: number): Field['shape'] {
  const number = integerAt(layout, at);
  if (number !== undefined) return numberShape(number, layout);
  const address = layout.kind === 'pointer' ? numberAt(at, layout.sizeBytes, false) : undefined;
  if (address !== undefined) return { kind: 'pointer', reading: address };
  if (layout.kind === 'array') {
    if (isChar(layout.element))
      return { kind: 'label', reading: { kind: 'text', offsetBytes: at, sizeBytes: layout.sizeBytes } };
    const first = integerAt(layout.element, at);
    if (first !== undefined) {
      return { kind: 'numbers', first, count: layout.count, strideBytes: layout.element.sizeBytes };
    }
  }
  return { kind: 'bytes', what: describe(layout), offsetBytes: at, sizeBytes: layout.sizeBytes };
}

function numberShape(reading: NumberReading, layout: Layout): Field['shape'] {
  return layout.kind === 'enum' ? { kind: 'number', reading, names: layout.enumerators } : { kind: 'number', reading };
}

/** Reading for an integer, bool or enum of a size that a register has; undefined for anything else. */
export function integerAt(layout: Layout, offsetBytes: number): NumberReading | undefined {
  if (layout.kind !== 'int' && layout.kind !== 'enum') return undefined;
  return numberAt(offsetBytes, layout.sizeBytes, layout.signed);
}

/** Reading for `sizeBytes` bytes as one number, where they are 1, 2, 4 or 8. */
export function numberAt(offsetBytes: number, sizeBytes: number, signed: boolean): NumberReading | undefined {
  if (sizeBytes !== 1 && sizeBytes !== 2 && sizeBytes !== 4 && sizeBytes !== 8) return undefined;
  return { kind: 'int', offsetBytes, sizeBytes, signed };
}

/** Reading for `bitSize` bits of an integer or enum, counted from the start. */
export function bitsAt(firstBit: number, bitSize: number, layout: Layout): NumberReading | undefined {
  if (layout.kind !== 'int' && layout.kind !== 'enum') return undefined;
  if (bitSize < 1 || bitSize > 64) return undefined;
  return { kind: 'bits', offsetBytes: Math.floor(firstBit / 8), shift: firstBit % 8, bitSize, signed: layout.signed };
}

export function isChar(layout: Layout): boolean {
  return layout.kind === 'int' && layout.encoding === 'char' && layout.sizeBytes === 1;
}

/** What a person calls such a type. */
export function describe(layout: Layout): string {
  if (layout.kind === 'int') return `${layout.sizeBytes * 8}-bit integer`;
  if (layout.kind === 'array') return `array of ${describe(layout.element)}s`;
  return layout.kind;
}
