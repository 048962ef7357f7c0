import type { Layout } from '../object/spec.ts';

/** A value of the manifest as the bytes of a C variable, little-endian; or what is wrong with it: `is 300, not an integer of 0 to 255 (u8)`. */
export type Encoded =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly problem: string };

type LayoutOf<Kind extends Layout['kind']> = Extract<Layout, { readonly kind: Kind }>;

/** Enumerators, or elements, that a message lists. */
const listedMax = 10;
const shownMaxLength = 60;

/**
 * Typed by the variable's layout, and by nothing else: booleans for `bool`; integers, in a number or as text in decimal or
 * 0x, for integers and enums; enumerators by name; text for arrays of `char`, with room for its NUL; lists for arrays, with
 * zeros behind them.
 */
export function encodeGlobal(layout: Layout, value: unknown): Encoded {
  switch (layout.kind) {
    case 'int':
      return layout.encoding === 'bool' ? encodeBool(layout, value) : encodeInteger(layout, value);
    case 'enum':
      return encodeEnum(layout, value);
    case 'array':
      return typeof value === 'string' && isChar(layout.element)
        ? encodeText(layout, value)
        : encodeArray(layout, value);
    case 'struct':
    case 'union':
    case 'float':
    case 'pointer':
    case 'opaque':
      return refuse(`is a ${layout.kind}, which cannot be set: only bool, integers, enums, and arrays of these can`);
  }
}

function encodeBool({ sizeBytes }: LayoutOf<'int'>, value: unknown): Encoded {
  if (typeof value !== 'boolean') return refuse(`is ${shown(value)}, not true or false (bool)`);
  return littleEndian(value ? 1n : 0n, sizeBytes);
}

function encodeInteger(layout: LayoutOf<'int'>, value: unknown): Encoded {
  const { sizeBytes, signed } = layout;
  const number = integerOf(value);
  const { min, max } = rangeOf(sizeBytes, signed);
  if (number === undefined || number < min || number > max) {
    return refuse(`is ${shown(value)}, not an integer of ${min} to ${max} (${typeName(layout)})`);
  }
  return littleEndian(number, sizeBytes);
}

function encodeEnum({ sizeBytes, signed, enumerators }: LayoutOf<'enum'>, value: unknown): Encoded {
  const named = enumerators.entries().find(([, name]) => name === value)?.[0];
  const number = named ?? integerOf(value);
  // Clang before 15 describes negative enumerators as unsigned, so both readings of the bits are taken.
  const { min } = rangeOf(sizeBytes, true);
  const { max } = rangeOf(sizeBytes, signed);
  if (number === undefined || number < min || number > max) {
    const names = listed([...enumerators.values()]);
    return refuse(`is ${shown(value)}, not one of ${names}, nor an integer of ${min} to ${max} (enum)`);
  }
  return littleEndian(number, sizeBytes);
}

function encodeText({ sizeBytes }: LayoutOf<'array'>, value: string): Encoded {
  const text = new TextEncoder().encode(value);
  if (text.length >= sizeBytes) {
    return refuse(
      `is ${shown(value)}, ${text.length} bytes, not text of 0 to ${sizeBytes - 1} bytes (char[${sizeBytes}])`,
    );
  }
  if (text.includes(0)) return refuse(`is ${shown(value)}, which has a NUL in it (char[${sizeBytes}])`);
  const bytes = new Uint8Array(sizeBytes);
  bytes.set(text);
  return { ok: true, bytes };
}

function encodeArray(layout: LayoutOf<'array'>, value: unknown): Encoded {
  const { element, count, sizeBytes } = layout;
  if (!Array.isArray(value)) {
    const text = isChar(element) ? ` or text of 0 to ${sizeBytes - 1} bytes` : '';
    return refuse(`is ${shown(value)}, not a list of at most ${count}${text} (${typeName(layout)})`);
  }
  if (value.length > count) {
    return refuse(`is a list of ${value.length}, not of at most ${count} (${typeName(layout)})`);
  }
  const bytes = new Uint8Array(sizeBytes);
  for (const [index, item] of value.entries()) {
    const encoded = encodeGlobal(element, item);
    if (!encoded.ok) {
      const deeper = encoded.problem.startsWith('[') ? '' : ' ';
      return refuse(`[${index}]${deeper}${encoded.problem}`);
    }
    bytes.set(encoded.bytes, index * element.sizeBytes);
  }
  return { ok: true, bytes };
}

const refuse = (problem: string): Encoded => ({ ok: false, problem });

const isChar = (layout: Layout): boolean => layout.kind === 'int' && layout.encoding === 'char';

/** Undefined for what is no integer: a fraction, a number that was rounded when it was read, other text. */
function integerOf(value: unknown): bigint | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  if (typeof value !== 'string') return undefined;
  const [, sign, digits] = /^(-?)([0-9]{1,40}|0x[0-9a-fA-F]{1,32})$/.exec(value) ?? [];
  if (digits === undefined) return undefined;
  return sign === '-' ? -BigInt(digits) : BigInt(digits);
}

function rangeOf(sizeBytes: number, signed: boolean): { readonly min: bigint; readonly max: bigint } {
  const bits = BigInt(sizeBytes * 8);
  return signed ? { min: -(1n << (bits - 1n)), max: (1n << (bits - 1n)) - 1n } : { min: 0n, max: (1n << bits) - 1n };
}

function littleEndian(value: bigint, sizeBytes: number): Encoded {
  const bytes = new Uint8Array(sizeBytes);
  let rest = BigInt.asUintN(sizeBytes * 8, value);
  for (let i = 0; i < sizeBytes; i++) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return { ok: true, bytes };
}

/** As the kernel's own headers call it: `u32`, `s8`, `char[16]`. */
export function typeName(layout: Layout): string {
  switch (layout.kind) {
    case 'int':
      if (layout.encoding !== 'int') return layout.encoding;
      return `${layout.signed ? 's' : 'u'}${layout.sizeBytes * 8}`;
    case 'array': {
      const [head, rest] = splitDimensions(typeName(layout.element));
      return `${head}[${layout.count}]${rest}`;
    }
    default:
      return layout.kind;
  }
}

/** `u8[4]` of which 2 are `u8[2][4]`. */
function splitDimensions(name: string): readonly [head: string, rest: string] {
  const at = name.indexOf('[');
  return at < 0 ? [name, ''] : [name.slice(0, at), name.slice(at)];
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length <= shownMaxLength ? text : `${text.slice(0, shownMaxLength)}…`;
}

/** `a, b and 3 more`; `none` of nothing. */
export function listed(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  const more = names.length - listedMax;
  return names.slice(0, listedMax).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
