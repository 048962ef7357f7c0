import type { Elements, HistogramRow, NumberReading } from '../../bpf/metrics/plan.ts';
import { elementLabels } from './elements.ts';
import type { LabelBlock } from './label-block.ts';
import { type Line, lineOf } from './lines.ts';
import { numberWriter, type WriteNumber } from './number-format.ts';
import { type Halves, type NumberReader, numberReader } from './numbers.ts';
import type { TableTools } from './table-tools.ts';

/**
 * A histogram, made ready for one map. For each of its elements it accumulates `width` numbers: how many fell into each
 * bucket, and what fell into none of them, the sum, the total.
 */
export interface HistogramLayout {
  readonly family: string;
  readonly elements: readonly ElementLines[];
  /** Bytes from one element's readings to the next one's. */
  readonly strideBytes: number;
  readonly buckets: number;
  readonly width: number;
  readonly source: SlotSource | KeySource;
  readonly hasSum: boolean;
  readonly writeCount: WriteNumber;
  readonly writeSum: WriteNumber;
}

export interface ElementLines {
  /** In order of bounds, `+Inf` last. */
  readonly buckets: readonly Line[];
  readonly sum: Line;
  readonly count: Line;
}

export interface SlotSource {
  readonly kind: 'slots';
  readonly read: NumberReader;
  readonly count: number;
  readonly strideBytes: number;
  readonly sum: NumberReader | undefined;
  readonly total: NumberReader | undefined;
}

export interface KeySource {
  readonly kind: 'key';
  readonly read: NumberReader;
  /** Where among the accumulated numbers the entry's value belongs; undefined where nowhere. */
  readonly placeOf: (keys: DataView, keyAt: number) => number | undefined;
}

/** Behind the buckets: what fell into none, the sum, the total. */
export const behindBuckets = { beyond: 0, sum: 1, total: 2, width: 3 } as const;

export function layoutHistogram(row: HistogramRow, block: LabelBlock, tools: TableTools): HistogramLayout {
  const { buckets } = row;
  const elements: Elements | undefined = buckets.kind === 'slots' ? buckets.elements : undefined;
  const counted = buckets.kind === 'slots' ? buckets.first : buckets.value;
  const summed = buckets.kind === 'slots' ? buckets.sum : buckets.value;
  const { divisor, digits } = tools;
  return {
    family: row.family,
    elements: elementLabels(elements).map((labels) => ({
      buckets: [...row.bounds.map(String), '+Inf'].map((le) =>
        lineOf(`${row.family}_bucket`, block, [...labels, ['le', le]]),
      ),
      sum: lineOf(`${row.family}_sum`, block, labels),
      count: lineOf(`${row.family}_count`, block, labels),
    })),
    strideBytes: elements?.strideBytes ?? 0,
    buckets: row.bounds.length,
    width: row.bounds.length + behindBuckets.width,
    source: buckets.kind === 'slots' ? slotSource(buckets, tools) : keySource(buckets, row.bounds.length, tools),
    hasSum: buckets.kind === 'slots' ? buckets.sum !== undefined : buckets.sumNumber !== undefined,
    writeCount: numberWriter({ signed: counted.signed, divisor, scale: undefined }, digits),
    writeSum: numberWriter({ signed: summed?.signed ?? false, divisor, scale: row.scale }, digits),
  };
}

function slotSource(
  { first, strideBytes, count, sum, total }: Extract<HistogramRow['buckets'], { kind: 'slots' }>,
  { read }: TableTools,
): SlotSource {
  const optional = (reading: NumberReading | undefined): NumberReader | undefined => reading && read(reading);
  return { kind: 'slots', read: read(first), count, strideBytes, sum: optional(sum), total: optional(total) };
}

function keySource(
  { number, numbers, sumNumber, value }: Extract<HistogramRow['buckets'], { kind: 'key' }>,
  buckets: number,
  { read }: TableTools,
): KeySource {
  const readNumber = numberReader(number);
  const halves: Halves = new Uint32Array(2);
  const places = new Map(numbers.map((n, i) => [n, i]));
  if (sumNumber !== undefined) places.set(sumNumber, buckets + behindBuckets.sum);
  return {
    kind: 'key',
    read: read(value),
    placeOf: (keys, keyAt) => {
      readNumber(keys, keyAt, halves);
      const high = halves[1] ?? 0;
      return places.get((number.signed ? high | 0 : high) * 2 ** 32 + (halves[0] ?? 0));
    },
  };
}
