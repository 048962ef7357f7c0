/**
 * What to read from which map and what to call it. Zero configuration makes such a plan from BTF (`zero-config.ts`);
 * whoever renders it needs no types, only bytes. Plain data: the same object gives the same plan everywhere.
 */
export interface MetricPlan {
  readonly tables: readonly TablePlan[];
  /** What is not exported, and why, a sentence each: for a status, a log, the agent's page. Never an error. */
  readonly notes: readonly string[];
}

/** One walk over one map: each entry gives one series of each metric, all with the same labels. */
export interface TablePlan {
  /** The map's name as the object declares it; for globals the section's, `.bss`. */
  readonly map: string;
  /** Bytes that the readings below need; what the kernel's map has must be the same for a key, no less for a value. */
  readonly keySizeBytes: number;
  readonly valueSizeBytes: number;
  /** Labels besides `node`, `bpf_namespace`, `bpf_name` and `index`; no name twice. */
  readonly labels: readonly LabelPlan[];
  /** At least one. No family twice in a plan. */
  readonly metrics: readonly MetricRow[];
  /** True where two different keys can never give the same label values. Otherwise whoever renders must merge. */
  readonly distinct: boolean;
}

export interface LabelPlan {
  readonly name: string;
  readonly from: 'key' | 'value';
  readonly reading: Reading;
}

export type MetricType = 'counter' | 'untyped';

export interface MetricRow {
  readonly family: string;
  readonly type: MetricType;
  readonly help: string;
  /** In the value. A per-CPU value is summed over possible CPUs, modulo 2^64. */
  readonly value: NumberReading;
  /** The value repeats: one series for each element, told apart by the label `index`. */
  readonly elements: { readonly count: number; readonly strideBytes: number } | undefined;
}

/** Bytes to number. Little-endian, like every object that `readObject` takes. */
export type NumberReading =
  | { readonly kind: 'int'; readonly offsetBytes: number; readonly sizeBytes: 1 | 2 | 4 | 8; readonly signed: boolean }
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
