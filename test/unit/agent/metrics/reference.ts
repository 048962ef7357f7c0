import type { Layout, MapSpec } from '../../../../bpf/object/spec.ts';
import type { Entry } from '../../../fakes/memory-map.ts';

/**
 * Zero configuration, written a second time: slowly, from the rules of the design and the C types alone, with BigInt
 * and strings, so that the fast one can be held against it. It shares no code with it.
 */

/** A series' name and labels as one text, sorted by label, to its number. */
export type ReferenceSeries = ReadonlyMap<string, bigint>;

interface Part {
  readonly path: readonly string[];
  readonly firstBit: number;
  readonly bits: number;
  readonly layout: Layout;
}

const common = { bpf_name: 'b', bpf_namespace: 'ns', node: 'n' };
const taken = 'node bpf_namespace bpf_name index cpu le quantile job instance namespace pod container'.split(' ');

export function referenceSeries(
  map: MapSpec,
  key: Layout,
  value: Layout,
  isArray: boolean,
  cpus: number,
  entries: readonly Entry[],
): ReferenceSeries {
  const series = new Map<string, bigint>();
  const valueParts = partsOf(value);
  const valueLabels = new Map(
    valueParts
      .filter(({ layout, path }) => isText(layout) && path.length > 0)
      .map((part) => [valueLabelName(part), part]),
  );
  const slotBytes = cpus === 0 ? value.sizeBytes : Math.ceil(value.sizeBytes / 8) * 8;
  for (const [keyBytes, valueBytes] of entries) {
    const slots = Array.from({ length: Math.max(cpus, 1) }, (_, cpu) => valueBytes.subarray(cpu * slotBytes));
    const labels: Record<string, string> = { ...common };
    for (const [name, part] of valueLabels) {
      const texts = slots.map((slot) => referenceText(slice(slot, part)));
      labels[name] = texts.find((_, i) => slice(slots[i] ?? valueBytes, part)[0] !== 0) ?? '';
    }
    const own = isArray ? [{ path: [], firstBit: 0, bits: 32, layout: unsignedOf(4) }] : keyParts(key);
    for (const part of own) labels[keyLabelName(part, valueLabels)] = labelOf(part, keyBytes);

    const add = (path: readonly string[], extra: Record<string, string>, part: Part): void => {
      const name = legal(['bpf', map.name, ...path].join('_'), /[^a-zA-Z0-9_:]/g);
      const sum = slots.reduce((total, slot) => total + bitsOf(slot, part), 0n);
      const id = `${name}${JSON.stringify(Object.entries({ ...labels, ...extra }).toSorted(([a], [b]) => (a < b ? -1 : 1)))}`;
      const total = (series.get(id) ?? 0n) + sum;
      series.set(id, isSigned(part.layout) ? BigInt.asIntN(64, total) : BigInt.asUintN(64, total));
    };
    for (const part of valueParts) {
      const { layout, path } = part;
      if (isInteger(layout)) add(path, {}, part);
      if (layout.kind !== 'array' || !isInteger(layout.element) || isText(layout) || layout.count > 64) continue;
      const bits = layout.element.sizeBytes * 8;
      for (let i = 0; i < layout.count; i++) {
        add(path, { index: String(i) }, { path, firstBit: part.firstBit + i * bits, bits, layout: layout.element });
      }
    }
  }
  return series;
}

/** What a char array's bytes are as a label's value, before escaping. */
export function referenceText(bytes: Uint8Array): string {
  const nul = bytes.indexOf(0);
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(nul < 0 ? bytes : bytes.subarray(0, nul));
  return cut(text);
}

function cut(text: string): string {
  let shown = '';
  for (const character of text) {
    if (new TextEncoder().encode(shown + character).length > 256) break;
    shown += character;
  }
  return shown;
}

function keyParts(key: Layout): readonly Part[] {
  const parts = partsOf(key);
  return parts.length > 0
    ? parts
    : [
        {
          path: [],
          firstBit: 0,
          bits: key.sizeBytes * 8,
          layout: [1, 2, 4, 8].includes(key.sizeBytes)
            ? unsignedOf(key.sizeBytes)
            : { kind: 'opaque', sizeBytes: key.sizeBytes },
        },
      ];
}

function partsOf(layout: Layout, firstBit = 0, path: readonly string[] = []): readonly Part[] {
  if (layout.kind !== 'struct')
    return layout.sizeBytes === 0 ? [] : [{ path, firstBit, bits: layout.sizeBytes * 8, layout }];
  return layout.members.flatMap(({ name, offsetBytes, bitfield, layout: inner }) => {
    const at = firstBit + offsetBytes * 8;
    if (bitfield !== undefined) {
      return name === ''
        ? []
        : [{ path: [...path, name], firstBit: at + bitfield.bitOffset, bits: bitfield.bitSize, layout: inner }];
    }
    const unnamed = inner.kind === 'struct' ? [] : [`bytes_${at / 8}`];
    return partsOf(inner, at, [...path, ...(name === '' ? unnamed : [name])]);
  });
}

function labelOf(part: Part, bytes: Uint8Array): string {
  const { layout } = part;
  const number = (): bigint => bitsOf(bytes, part);
  if (layout.kind === 'enum') return cut(layout.enumerators.get(number()) ?? String(number()));
  if (isInteger(layout) || layout.kind === 'pointer') return String(bitsOf(bytes, part));
  if (isText(layout)) return referenceText(slice(bytes, part));
  return Buffer.from(slice(bytes, part)).toString('hex').slice(0, 256);
}

function bitsOf(bytes: Uint8Array, { firstBit, bits, layout }: Part): bigint {
  let number = 0n;
  for (let bit = 0; bit < bits; bit++) {
    const at = firstBit + bit;
    number |= BigInt(((bytes[at >>> 3] ?? 0) >>> (at & 7)) & 1) << BigInt(bit);
  }
  return isSigned(layout) ? BigInt.asIntN(bits, number) : number;
}

const slice = (bytes: Uint8Array, { firstBit, bits }: Part): Uint8Array =>
  bytes.subarray(firstBit / 8, (firstBit + bits) / 8);

function keyLabelName({ path }: Part, valueLabels: ReadonlyMap<string, Part>): string {
  const name = legal(path.length === 0 ? 'key' : path.join('_'), /[^a-zA-Z0-9_]/g);
  return taken.includes(name) || name.startsWith('__') || valueLabels.has(name) ? `key_${name}` : name;
}

function valueLabelName({ path }: Part): string {
  const name = legal(path.join('_'), /[^a-zA-Z0-9_]/g);
  return taken.includes(name) || name.startsWith('__') ? `value_${name}` : name;
}

function legal(name: string, illegal: RegExp): string {
  const text = name.replace(illegal, '_');
  return /^[0-9]/.test(text) ? `_${text}` : text;
}

const isText = (layout: Layout): boolean =>
  layout.kind === 'array' && layout.element.kind === 'int' && layout.element.encoding === 'char';
const isInteger = (layout: Layout): boolean =>
  (layout.kind === 'int' || layout.kind === 'enum') && [1, 2, 4, 8].includes(layout.sizeBytes);
const isSigned = (layout: Layout): boolean => (layout.kind === 'int' || layout.kind === 'enum') && layout.signed;
const unsignedOf = (sizeBytes: number): Layout => ({ kind: 'int', sizeBytes, signed: false, encoding: 'int' });
