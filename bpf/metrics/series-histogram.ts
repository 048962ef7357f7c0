import type { HistogramSpec } from '../../crds/histogram.ts';
import { fieldsOf, numberAt } from './fields.ts';
import { intoElements, isProblem, numberOf, type Place, type Problem } from './members.ts';
import type { Elements, HistogramRow, KeyBuckets, NumberReading, SlotBuckets } from './plan.ts';
import { scaled } from './plan.ts';
import type { Report } from './series-labels.ts';
import { keyPlace, type SeriesSource, valuePlace } from './series-source.ts';
import { overlap, type Span, spanOf } from './span.ts';

export type Histogram = Pick<HistogramRow, 'bounds' | 'scale' | 'buckets'>;

/** Buckets of one histogram; each is a line. */
const maxBuckets = 1024;
/** Above 2^64 there is no bucket of a 64-bit number. */
const maxExponent = 64;

/** A declared histogram whose buckets are slots of the value; undefined where something was reported. */
export function slotHistogram(
  spec: HistogramSpec,
  source: SeriesSource,
  at: string,
  report: Report,
): Histogram | undefined {
  const found = slotsAt(valuePlace(source, spec.field));
  if (isProblem(found)) {
    report(spec.field === undefined ? at : `${at}.field`, found.problem);
    return undefined;
  }
  const { first, slots, elements } = found;
  const bounds = slotBounds(spec, slots.count);
  if (isProblem(bounds)) {
    report(spec.bounds === undefined ? at : `${at}.bounds`, bounds.problem);
    return undefined;
  }
  const reading = (field: 'sumField' | 'countField'): NumberReading | undefined => {
    const place = spec[field] === undefined ? undefined : valuePlace(source, spec[field]);
    if (place === undefined) return undefined;
    const number = isProblem(place) ? undefined : numberOf(place);
    if (isProblem(place)) report(`${at}.${field}`, place.problem);
    else if (number === undefined) report(`${at}.${field}`, 'it is no integer of 1, 2, 4 or 8 bytes');
    else if (place.elements?.count !== elements?.count || place.elements?.strideBytes !== elements?.strideBytes) {
      report(`${at}.${field}`, 'it is not in the same element as the slots');
    } else if (overlap(spanOf(number), slotsOf(found))) {
      report(`${at}.${field}`, 'it is one of the slots; name a member beside them');
    } else return number;
    return undefined;
  };
  const sum = reading('sumField');
  const total = reading('countField');
  const buckets: SlotBuckets = {
    kind: 'slots',
    first: counted(first),
    strideBytes: slots.strideBytes,
    count: slots.count,
    ...(sum !== undefined && { sum }),
    ...(total !== undefined && { total: counted(total) }),
    ...(elements !== undefined && { elements }),
  };
  return withScale(spec, bounds, buckets, at, report);
}

interface Slots {
  readonly first: NumberReading;
  readonly slots: Elements;
  /** Of an array of histograms. */
  readonly elements: Elements | undefined;
}

/** All slots of the first element, as one stretch of bytes. */
const slotsOf = ({ first, slots }: Slots): Span => {
  const { start } = spanOf(first);
  return { start, end: start + slots.count * slots.strideBytes * 8 };
};

/** Nothing happens less than zero times: what C declares as signed is read as if it were not. */
const counted = (number: NumberReading): NumberReading => ({ ...number, signed: false });

function slotsAt(place: Place | Problem): Slots | Problem {
  if (isProblem(place)) return place;
  const { layout, offsetBytes, elements } = place;
  if (layout.kind !== 'array') return { problem: 'it is no array of integers' };
  // An array of arrays: histograms, each with its slots.
  if (layout.element.kind === 'array') {
    const inside = intoElements(place);
    return inside === undefined ? { problem: 'it is an array in arrays in an array' } : slotsAt(inside);
  }
  const first = numberOf({ ...place, layout: layout.element, offsetBytes });
  if (first === undefined) return { problem: 'it is no array of integers of 1, 2, 4 or 8 bytes' };
  return { first, slots: { count: layout.count, strideBytes: layout.element.sizeBytes }, elements };
}

/** The largest number in each slot but the last, which a program lets take all that is larger. */
function slotBounds({ bucketOf, linear, bounds }: HistogramSpec, count: number): readonly number[] | Problem {
  if (bounds !== undefined) {
    if (bounds.length !== count && bounds.length !== count - 1) {
      return { problem: `${bounds.length} bounds for ${count} slots: it must be ${count - 1} or ${count}` };
    }
    if (bounds.length === 0 || !ascend(bounds)) return { problem: 'bounds must be given and ascend' };
    return bounds;
  }
  if (count < 2) return { problem: 'one slot is no histogram' };
  if (count > maxBuckets) return { problem: `${count} slots, more than ${maxBuckets}` };
  if (linear === undefined && count > maxExponent + 1) {
    return { problem: `${count} slots of powers of two, more than ${maxExponent + 1}` };
  }
  return Array.from({ length: count - 1 }, (_, slot) => {
    if (linear !== undefined) return (slot + 1) * linear.width - 1;
    return bucketOf === 'floorLog2' ? 2 ** (slot + 1) - 1 : 2 ** slot;
  });
}

/** A declared histogram whose buckets are entries of the map; undefined where something was reported. */
export function keyHistogram(
  spec: HistogramSpec,
  value: NumberReading,
  source: SeriesSource,
  at: string,
  report: Report,
): Histogram | undefined {
  const number = bucketNumber(spec, source);
  if (isProblem(number)) {
    report(spec.field === undefined ? at : `${at}.field`, number.problem);
    return undefined;
  }
  const numbers = bucketNumbers(spec);
  if (isProblem(numbers)) {
    report(spec.kind === 'fixed' ? `${at}.keys` : `${at}.max`, numbers.problem);
    return undefined;
  }
  if (spec.sumKey !== undefined && numbers.includes(spec.sumKey)) {
    report(`${at}.sumKey`, `${spec.sumKey} is a bucket already`);
    return undefined;
  }
  const buckets: KeyBuckets = {
    kind: 'key',
    number,
    numbers,
    ...(spec.sumKey !== undefined && { sumNumber: spec.sumKey }),
    // The same reading for both, and a sum may be less than zero.
    value: spec.sumKey === undefined ? counted(value) : value,
  };
  return withScale(
    spec,
    numbers.map((each) => boundOf(spec, each)),
    buckets,
    at,
    report,
  );
}

function bucketNumber(spec: HistogramSpec, source: SeriesSource): NumberReading | Problem {
  const place = keyPlace(source, spec.field);
  const noInteger = { problem: 'the number of a bucket is an integer of 1, 2, 4 or 8 bytes' };
  if (source.map !== undefined && source.key === undefined && spec.field === undefined) {
    return numberAt(0, source.keySizeBytes, false) ?? noInteger;
  }
  if (isProblem(place)) return place;
  if (place.elements !== undefined) return { problem: 'it goes through an array; say which element' };
  if (spec.field !== undefined || source.key?.kind !== 'struct') return numberOf(place) ?? noInteger;
  const last = fieldsOf(source.key, source.keySizeBytes).at(-1);
  return last?.shape.kind === 'number' ? last.shape.reading : noInteger;
}

function bucketNumbers({ kind, min = 0, max = 0, keys = [] }: HistogramSpec): readonly number[] | Problem {
  if (kind === 'fixed') return keys.length > 0 && ascend(keys) ? keys : { problem: 'keys must be given and ascend' };
  if (max <= min) return { problem: `max must be more than min, ${min}` };
  if (max - min >= maxBuckets) return { problem: `${max - min + 1} buckets, more than ${maxBuckets}` };
  if (kind !== 'linear' && max > maxExponent) return { problem: `2^${max} is more than a number holds` };
  return Array.from({ length: max - min + 1 }, (_, i) => min + i);
}

/** As ebpf_exporter has them (exporter/histogram.go, histogramKeyerMaker). */
function boundOf({ kind, multiplier = 1 }: HistogramSpec, number: number): number {
  switch (kind) {
    case 'exp2':
      return 2 ** number;
    case 'exp2zero':
      return number === 0 ? 0 : 2 ** (number - 1);
    case 'linear':
      return scaled(number, multiplier);
    default:
      return number;
  }
}

function withScale(
  { scale }: HistogramSpec,
  bounds: readonly number[],
  buckets: HistogramRow['buckets'],
  at: string,
  report: Report,
): Histogram | undefined {
  const shown = bounds.map((bound) => scaled(bound, scale));
  // Two lines with one `le` are one series twice, and +Inf is there already.
  const bad = shown.findIndex((bound, i) => !Number.isFinite(bound) || bound <= (shown[i - 1] ?? -Infinity));
  if (bad >= 0) {
    report(`${at}.scale`, `it makes ${shown[bad]} of the bound ${bounds[bad]}: bounds must stay finite, and ascend`);
    return undefined;
  }
  return { bounds: shown, ...(scale !== undefined && scale !== 1 && { scale }), buckets };
}

const ascend = (numbers: readonly number[]): boolean =>
  numbers.every((number, i) => i === 0 || number > (numbers[i - 1] ?? number));
