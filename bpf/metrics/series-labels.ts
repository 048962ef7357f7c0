import { type DecoderSpec, decoderInputs } from '../../crds/decoder.ts';
import type { SeriesLabelSpec } from '../../crds/metrics.ts';
import type { Enumerators } from '../object/enumerators.ts';
import type { TypeTable } from '../object/spec.ts';
import { decoderFault } from './decoder-fault.ts';
import { numberAt, shapeOf } from './fields.ts';
import { labelReading, untypedReading } from './key-labels.ts';
import { isProblem, numberOf, type Place } from './members.ts';
import type { LabelPlan, Reading } from './plan.ts';
import { endOf } from './plan.ts';
import { integerOf, keyPlace, type SeriesSource, valuePlace } from './series-source.ts';

/** Says that the line at `path` is at fault. */
export type Report = (path: string, problem: string) => void;

/** A declared label; undefined where something about it was reported. */
export function labelPlan(
  label: SeriesLabelSpec,
  source: SeriesSource,
  at: string,
  report: Report,
): LabelPlan | undefined {
  const refused = refusedName(label.name);
  if (refused !== undefined) report(`${at}.name`, refused);
  const reading = declaredReading(label, source, at, report);
  if (reading === undefined || refused !== undefined) return undefined;
  const { name, decoders = [] } = label;
  const from = label.value === undefined ? 'key' : 'value';
  if (!checkDecoders(decoders, reading, at, report)) return undefined;
  if (!checkByteOrder(reading, decoders[0], at, report)) return undefined;
  const simple = simplified(reading, decoders);
  const enums = ownEnums(decoders, source.types);
  return {
    name,
    from,
    reading: simple.reading,
    ...(simple.decoders.length > 0 && { decoders: simple.decoders }),
    ...(enums.size > 0 && { enums }),
  };
}

function ownEnums(decoders: readonly DecoderSpec[], types: TypeTable): ReadonlyMap<string, Enumerators> {
  const wanted = new Set(decoders.flatMap(({ type }) => (type === undefined ? [] : [`enum ${type}`])));
  const found = new Map<string, Enumerators>();
  if (wanted.size === 0) return found;
  for (let id = 1; id <= types.count; id++) {
    const name = types.nameOf(id);
    if (!wanted.has(name)) continue;
    const layout = types.layout(id);
    // Without enumerators it is a forward declaration.
    if (layout.kind === 'enum' && layout.enumerators.size > 0)
      found.set(name.slice('enum '.length), layout.enumerators);
  }
  return found;
}

/** Why a label must not have a name: series carry it already, or it would pass for what Prometheus says of a target. */
export function refusedName(name: string): string | undefined {
  switch (name) {
    case 'node':
    case 'bpf_namespace':
    case 'bpf_name':
      return `every series has a label ${name} already`;
    case 'le':
    case 'quantile':
      return `${name} is for the histograms and summaries of Prometheus`;
    case 'job':
    case 'instance':
      return `${name} is Prometheus' own name of a target`;
    case 'namespace':
    case 'pod':
    case 'container':
      return `${name} is what Prometheus knows of a target, and a scrape that honors labels would believe it`;
    default:
      return name.startsWith('__') ? '__ is for labels inside Prometheus' : undefined;
  }
}

function declaredReading(
  label: SeriesLabelSpec,
  source: SeriesSource,
  at: string,
  report: Report,
): Reading | undefined {
  if (label.offset !== undefined && label.type !== undefined) {
    return bytesReading(label, label.offset, label.type, source, at, report);
  }
  const fromValue = label.value !== undefined;
  const line = fromValue ? `${at}.value` : label.field === undefined ? at : `${at}.field`;
  if (!fromValue && label.field === undefined && source.map !== undefined && source.key === undefined) {
    return untypedReading(source.keySizeBytes);
  }
  const place = fromValue ? valuePlace(source, label.value) : keyPlace(source, label.field);
  if (isProblem(place)) report(line, place.problem);
  else return readingOf(place, label.decoders?.length ?? 0, line, report);
  return undefined;
}

function readingOf(place: Place, decoders: number, line: string, report: Report): Reading | undefined {
  const { layout, elements } = place;
  if (elements !== undefined)
    report(line, `it goes through an array of ${elements.count}; say which element, from 0 on`);
  else if (layout.kind === 'struct' && decoders === 0) {
    report(line, `it is a struct; name one of its members: ${layout.members.map((member) => member.name).join(', ')}`);
  } else {
    const number = numberOf(place);
    if (number === undefined) return labelReading(shapeOf(layout, place.offsetBytes));
    return layout.kind === 'enum' ? { kind: 'enum', number, names: layout.enumerators } : number;
  }
  return undefined;
}

function bytesReading(
  label: SeriesLabelSpec,
  offset: number,
  type: NonNullable<SeriesLabelSpec['type']>,
  source: SeriesSource,
  at: string,
  report: Report,
): Reading | undefined {
  if (source.map === undefined) {
    report(`${at}.offset`, `${source.what} has no key`);
    return undefined;
  }
  if (type === 'bytes' && label.size === undefined) {
    report(`${at}.size`, 'type bytes needs a size');
    return undefined;
  }
  const integer = type === 'bytes' ? undefined : integerOf(offset, type);
  const sizeBytes = integer?.sizeBytes ?? label.size ?? 0;
  if (label.size !== undefined && label.size !== sizeBytes) {
    report(`${at}.size`, `${type} has ${sizeBytes} bytes, not ${label.size}`);
  } else if (label.bigEndian === true && integer === undefined) {
    report(`${at}.bigEndian`, 'type bytes has no byte order');
  } else if (offset + sizeBytes > source.keySizeBytes) {
    report(`${at}.offset`, `bytes ${offset} to ${offset + sizeBytes} of a key of ${source.keySizeBytes}`);
  } else if (integer === undefined) {
    return { kind: 'hex', offsetBytes: offset, sizeBytes };
  } else {
    return label.bigEndian === true ? { ...integer, bigEndian: true } : integer;
  }
  return undefined;
}

/** The sizes that a first decoder takes; any other would drop every series. */
const inputSizes: Readonly<Partial<Record<DecoderSpec['name'], readonly number[]>>> = {
  uint: [1, 2, 4, 8],
  int: [1, 2, 4, 8],
  bool: [1, 2, 4, 8],
  enum: [1, 2, 4, 8],
  inet_ip: [4, 16],
  ipport: [6, 8, 18, 20],
  ifname: [4, 8],
  netns: [4, 8],
  majorminor: [4, 8],
  mkdev: [4, 8],
  ksym: [8],
};

function checkDecoders(decoders: readonly DecoderSpec[], reading: Reading, at: string, report: Report): boolean {
  let good = true;
  const refuse = (path: string, problem: string): void => {
    good = false;
    report(`${at}.decoders${path}`, problem);
  };
  for (const [i, decoder] of decoders.entries()) {
    const fault = decoderFault(decoder);
    if (fault !== undefined) refuse(`[${i}].${fault.path}`, fault.message);
  }
  const [first] = decoders;
  const sizes = first && inputSizes[first.name];
  const sizeBytes = rawSize(reading);
  if (first !== undefined && sizes !== undefined && !sizes.includes(sizeBytes)) {
    refuse(
      '[0].name',
      `${first.name} takes ${sizes.join(', ').replace(/, (\d+)$/, ' or $1')} bytes, and there are ${sizeBytes}`,
    );
  }
  return good;
}

/** Decoders of bytes to which a byte order may be said: the numbers, which heed it, and addresses, which have that one. */
const takesBigEndian: ReadonlySet<DecoderSpec['name']> = new Set(['uint', 'int', 'inet_ip', 'ipport']);

/** Any other decoder of bytes reads them as this machine would, whatever the label says of their order. */
function checkByteOrder(reading: Reading, first: DecoderSpec | undefined, at: string, report: Report): boolean {
  if (reading.kind !== 'int' || reading.bigEndian !== true || first === undefined) return true;
  if (decoderInputs[first.name] === 'text' || takesBigEndian.has(first.name)) return true;
  report(
    `${at}.bigEndian`,
    `${first.name} takes the bytes as they are, in no other order; a decoder of text, such as static_map, heeds it`,
  );
  return false;
}

/** Bytes that a decoder is given of a reading; a bitfield is given as 8. */
function rawSize(reading: Reading): number {
  if (reading.kind === 'enum') return rawSize(reading.number);
  return reading.kind === 'bits' ? 8 : reading.sizeBytes;
}

/** A first decoder that says no more than a reading could is made one: no call for each entry, and nothing is lost. */
function simplified(
  reading: Reading,
  decoders: readonly DecoderSpec[],
): { reading: Reading; decoders: readonly DecoderSpec[] } {
  const [first, ...rest] = decoders;
  const simpler = first && asDecoded(reading, first.name);
  return simpler === undefined ? { reading, decoders } : { reading: simpler, decoders: rest };
}

function asDecoded(reading: Reading, decoder: DecoderSpec['name']): Reading | undefined {
  if (reading.kind === 'enum') return asDecoded(reading.number, decoder);
  const signed = decoder === 'int';
  if (decoder === 'uint' || decoder === 'int') {
    if (reading.kind === 'int' || reading.kind === 'bits') return { ...reading, signed };
    return numberAt(reading.offsetBytes, reading.sizeBytes, signed);
  }
  if (reading.kind === 'bits' || (decoder !== 'string' && decoder !== 'hex')) return undefined;
  const { offsetBytes } = reading;
  return { kind: decoder === 'string' ? 'text' : 'hex', offsetBytes, sizeBytes: endOf(reading) - offsetBytes };
}
