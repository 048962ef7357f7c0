import type { DecoderSpec } from '../../crds/decoder.ts';
import type { Enumerators } from '../object/enumerators.ts';

/**
 * What to read from which map and what to call it. Zero configuration makes such a plan from BTF (`zero-config.ts`);
 * whoever renders it needs no types, only bytes. `declared.ts` adds what `spec.metrics` says. Plain data: the same
 * object and spec give the same plan everywhere.
 */
export interface MetricPlan {
  readonly tables: readonly TablePlan[];
  /** What is not exported, and why, a sentence each: for a status, a log, the agent's page. Never an error. */
  readonly notes: readonly string[];
  /** Series of the whole plan on one node; a histogram counts as one for each of its lines. Absent: no limit. */
  readonly maxSeries?: number;
  /** Series whose value has not changed for so long are left out. Absent: never. */
  readonly expireAfterMs?: number;
}

/** What becomes of the values that the possible CPUs have of one entry; `each` gives all, with the label `cpu`. */
export type PerCpu = 'sum' | 'max' | 'min' | 'avg' | 'each';

/** One walk over one map: each entry gives one series of each metric, all with the same labels. */
export interface TablePlan {
  /** The map's name as the object declares it; for globals the section's, `.bss`. */
  readonly map: string;
  /** Bytes that the readings below need; what the kernel's map has must be the same for a key, no less for a value. */
  readonly keySizeBytes: number;
  readonly valueSizeBytes: number;
  /** Labels besides `node`, `bpf_namespace`, `bpf_name`, those of an index, and `cpu`; no name twice. */
  readonly labels: readonly LabelPlan[];
  /** With `histograms` at least one. No family twice in a plan. */
  readonly metrics: readonly MetricRow[];
  readonly histograms?: readonly HistogramRow[];
  /** Absent: `sum`. Says nothing of a map that is not per CPU. */
  readonly perCpu?: PerCpu;
  /** True where two different keys can never give the same label values. Otherwise whoever renders must merge. */
  readonly distinct: boolean;
}

export interface LabelPlan {
  readonly name: string;
  readonly from: 'key' | 'value';
  readonly reading: Reading;
  /**
   * A chain, each step's output the next one's input; a step that refuses drops the series. By `decoderInputs` the first
   * takes the bytes of the reading as they are in the map (of bits: the number in 8 bytes, little-endian), or the text
   * that the reading gives.
   */
  readonly decoders?: readonly DecoderSpec[];
  /** What the object's own BTF has of the types that the decoder `enum` names, by name: for a kernel that has not. */
  readonly enums?: ReadonlyMap<string, Enumerators>;
}

export type MetricType = 'counter' | 'gauge' | 'untyped' | 'histogram';

export interface MetricRow {
  readonly family: string;
  /** Entries with equal labels: of a gauge the last counts, others are summed. */
  readonly type: Exclude<MetricType, 'histogram'>;
  readonly help: string;
  /** In the value. A per-CPU value is summed over possible CPUs, modulo 2^64, unless `perCpu` says otherwise. */
  readonly value: NumberReading;
  /** What the number is multiplied by (`scaled`); absent: it is exported as the integer that it is. */
  readonly scale?: number;
  readonly elements: Elements | undefined;
}

/** The value repeats: one series for each element, told apart by a label. */
export interface Elements {
  readonly count: number;
  readonly strideBytes: number;
  /** Absent: `index`. */
  readonly label?: string;
  /** What the label shows for element i; the rest shows its index. */
  readonly names?: readonly string[];
}

/** A histogram: `_bucket` lines, cumulative, for each of `bounds` and `+Inf`, `_count`, and `_sum` where there is one. */
export interface HistogramRow {
  readonly family: string;
  readonly help: string;
  /** The values of `le`, scaled, ascending, without `+Inf`. At least one. */
  readonly bounds: readonly number[];
  /** What the sum that is read is multiplied by (`scaled`). */
  readonly scale?: number;
  readonly buckets: SlotBuckets | KeyBuckets;
}

/** One entry is one histogram. Slot i falls under `bounds[i]`, a slot beyond them under `+Inf` only. */
export interface SlotBuckets {
  readonly kind: 'slots';
  readonly first: NumberReading;
  readonly strideBytes: number;
  readonly count: number;
  readonly sum?: NumberReading;
  /** What `+Inf` and `_count` show where it is more than all slots together. */
  readonly total?: NumberReading;
  /** One histogram for each element; the readings above are those of the first. */
  readonly elements?: Elements;
}

/** One entry is one bucket: those with equal labels make a histogram. */
export interface KeyBuckets {
  readonly kind: 'key';
  /** In the key: which bucket. */
  readonly number: NumberReading;
  /** The number of the bucket under `bounds[i]`; as many as bounds, ascending. Other numbers count nowhere. */
  readonly numbers: readonly number[];
  /** The number whose entry holds the sum instead. */
  readonly sumNumber?: number;
  /** In the value: how many, or under `sumNumber` the sum. */
  readonly value: NumberReading;
}

/** Bytes to number. Little-endian, like every object that `readObject` takes, unless a declared label says otherwise. */
export type NumberReading =
  | {
      readonly kind: 'int';
      readonly offsetBytes: number;
      readonly sizeBytes: 1 | 2 | 4 | 8;
      readonly signed: boolean;
      readonly bigEndian?: true;
    }
  /** `bitSize` (1 to 64) bits from bit `shift` (0 to 7) of the byte at `offsetBytes`, least significant first. */
  | {
      readonly kind: 'bits';
      readonly offsetBytes: number;
      readonly shift: number;
      readonly bitSize: number;
      readonly signed: boolean;
    };

/** Bytes to a label's value. */
export type Reading =
  | NumberReading
  /** The enumerator's name; a value that has none in decimal. */
  | { readonly kind: 'enum'; readonly number: NumberReading; readonly names: ReadonlyMap<bigint, string> }
  /** Up to the first NUL. */
  | { readonly kind: 'text'; readonly offsetBytes: number; readonly sizeBytes: number }
  /** Two lower-case digits a byte, in memory order. */
  | { readonly kind: 'hex'; readonly offsetBytes: number; readonly sizeBytes: number };

/** A label's value is cut to so many bytes of UTF-8 (before escaping), at a character's boundary. */
export const maxLabelValueBytes = 256;

/** Labels from one table. A row of text must fit a page, and a series with more is beyond use. */
export const maxLabels = 64;

/** Metrics from one object: each is a family in Prometheus. */
export const maxFamilies = 1024;

/** A metric's or label's name; nothing legitimate comes near, and a hostile one must not fill a page. */
export const maxNameBytes = 256;

/**
 * A number in the metric's unit. Where 1 / scale is whole it divides, which is exact where a product is not:
 * 5 × 1e-6 is 0.0000049999999999999996 and 5 / 1e6 is 0.000005.
 */
export function scaled(value: number, scale: number | undefined): number {
  if (scale === undefined || scale === 1) return value;
  const divisor = Math.round(1 / scale);
  return divisor > 1 && 1 / divisor === scale ? value / divisor : value * scale;
}

/** How many bytes a reading touches, from the start of the key or value. */
export function endOf(reading: Reading): number {
  switch (reading.kind) {
    case 'bits':
      return reading.offsetBytes + Math.ceil((reading.shift + reading.bitSize) / 8);
    case 'enum':
      return endOf(reading.number);
    default:
      return reading.offsetBytes + reading.sizeBytes;
  }
}
