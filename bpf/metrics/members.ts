import type { Layout, MemberLayout } from '../object/spec.ts';
import { bitsAt, describe, integerAt } from './fields.ts';
import type { NumberReading } from './plan.ts';

/** Where in a key or value a path such as `addr.port` leads. */
export interface Place {
  readonly layout: Layout;
  readonly offsetBytes: number;
  readonly bits: MemberLayout['bitfield'];
  /** The path goes through an array without saying which element: it is this place in all of them. */
  readonly elements: { readonly count: number; readonly strideBytes: number } | undefined;
}

export interface Problem {
  readonly problem: string;
}

export const isProblem = (result: object): result is Problem => 'problem' in result;

/**
 * Follows member names, and element numbers of arrays, from the outside in. An array may be passed through once without
 * a number. The problem lists the members that there are.
 */
export function placeOf(root: Layout, path: string | undefined, what: string): Place | Problem {
  let place: Place = { layout: root, offsetBytes: 0, bits: undefined, elements: undefined };
  const passed: string[] = [];
  for (const name of path === undefined ? [] : path.split('.')) {
    const next = step(place, name);
    if (next === undefined)
      return { problem: missing(place.layout, name, [...passed.toReversed(), what].join(' of ')) };
    place = next;
    passed.push(name);
  }
  if (endOfPlace(place) <= root.sizeBytes) return place;
  return { problem: `${path} reaches beyond the ${root.sizeBytes} bytes of ${what}` };
}

function endOfPlace({ layout, offsetBytes, bits, elements }: Place): number {
  const sizeBytes = bits === undefined ? layout.sizeBytes : Math.ceil((bits.bitOffset + bits.bitSize) / 8);
  return offsetBytes + sizeBytes + (elements === undefined ? 0 : (elements.count - 1) * elements.strideBytes);
}

/** The integer at a place; undefined where there is none, or one of a size that no register has. */
export function numberOf({ layout, offsetBytes, bits }: Place): NumberReading | undefined {
  if (bits === undefined) return integerAt(layout, offsetBytes);
  return bitsAt(offsetBytes * 8 + bits.bitOffset, bits.bitSize, layout);
}

/** Into an array whose element is not said: of the place, the same in every element. */
export function intoElements(place: Place): Place | undefined {
  if (place.layout.kind !== 'array' || place.elements !== undefined) return undefined;
  const { element, count } = place.layout;
  if (count === 0) return undefined;
  return { ...place, layout: element, elements: { count, strideBytes: element.sizeBytes } };
}

function step(place: Place, name: string): Place | undefined {
  const { layout } = place;
  if (layout.kind === 'array') {
    if (!/^[0-9]+$/.test(name)) {
      const inside = intoElements(place);
      return inside && step(inside, name);
    }
    const number = Number(name);
    if (number >= layout.count) return undefined;
    const { element } = layout;
    return { ...place, layout: element, offsetBytes: place.offsetBytes + number * element.sizeBytes };
  }
  const found = memberOf(layout, name, maxDepth);
  return found && { ...place, ...found, offsetBytes: place.offsetBytes + found.offsetBytes };
}

/** Anonymous structs within anonymous structs; C code has one or two. */
const maxDepth = 16;

function memberOf(layout: Layout, name: string, depth: number): Omit<Place, 'elements'> | undefined {
  if ((layout.kind !== 'struct' && layout.kind !== 'union') || depth === 0) return undefined;
  for (const member of layout.members) {
    if (member.name === name) return { layout: member.layout, offsetBytes: member.offsetBytes, bits: member.bitfield };
    // An anonymous struct's or union's members count as the enclosing one's.
    const inside = member.name === '' ? memberOf(member.layout, name, depth - 1) : undefined;
    if (inside !== undefined) return { ...inside, offsetBytes: member.offsetBytes + inside.offsetBytes };
  }
  return undefined;
}

function missing(layout: Layout, name: string, where: string): string {
  if (layout.kind === 'array' && /^[0-9]+$/.test(name)) return `no element ${name} in ${where}; it has ${layout.count}`;
  const inner = layout.kind === 'array' ? layout.element : layout;
  const names = namesOf(inner, maxDepth);
  if (names.length === 0) return `no member ${name} in ${where}, which is of type ${describe(layout)}`;
  const shown = names.slice(0, maxNamesShown).join(', ');
  return `no member ${name} in ${where}; there are: ${shown}${names.length > maxNamesShown ? ', …' : ''}`;
}

/** A message is read by people. */
const maxNamesShown = 32;

function namesOf(layout: Layout, depth: number): readonly string[] {
  if ((layout.kind !== 'struct' && layout.kind !== 'union') || depth === 0) return [];
  return layout.members.flatMap((member) => (member.name === '' ? namesOf(member.layout, depth - 1) : [member.name]));
}
