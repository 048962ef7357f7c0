import type { LabelPlan, MetricRow, TablePlan } from '../../bpf/metrics/plan.ts';
import type { MapReader } from '../kernel/map-reader.ts';
import { CleanKeys } from './clean-keys.ts';
import { type Column, columnOf, cpuColumn, firstCpuColumn, type Write } from './columns.ts';
import { type DecoderTools, decodedColumn } from './decoded-column.ts';
import type { Digits } from './digits.ts';
import { elementLabels } from './elements.ts';
import { type HistogramLayout, layoutHistogram } from './histogram-layout.ts';
import { LabelBlock } from './label-block.ts';
import { type Line, lineOf } from './lines.ts';
import { isExact, numberWriter, type WriteNumber } from './number-format.ts';
import { cpuReader, type Halves, type NumberReader } from './numbers.ts';
import type { TableTools } from './table-tools.ts';

/** Whose series they are; the labels that every series bears. */
export interface Identity {
  readonly node: string;
  readonly namespace: string;
  readonly name: string;
}

export interface LayoutTools extends DecoderTools {
  readonly digits: Digits;
}

/** A table's plan, made ready for one map: what to write, and how to read it from the map's own strides. */
export interface TableLayout {
  readonly map: string;
  readonly reader: MapReader;
  /** Entries give series of their own, whose lines may be written as they are read. */
  readonly distinct: boolean;
  /** Where they are not: whether they are as long as keys are clean. Undefined where that cannot be. */
  readonly cleanKeys: CleanKeys | undefined;
  readonly block: LabelBlock;
  /** An entry is one row of series, or one for each CPU, whose values are `rowBytes` apart. */
  readonly rows: number;
  readonly rowBytes: number;
  readonly metrics: readonly MetricLayout[];
  readonly histograms: readonly HistogramLayout[];
  /** Of the metrics, then of the histograms. */
  readonly families: readonly string[];
  /** Entries of one series: buckets of a histogram. */
  readonly gathers: boolean;
}

export interface MetricLayout {
  readonly family: string;
  /** One for each element, which are `strideBytes` apart. */
  readonly lines: readonly Line[];
  readonly strideBytes: number;
  readonly write: Write;
  readonly read: NumberReader;
  readonly writeNumber: WriteNumber;
  /** Of entries with equal labels the last one counts, rather than their sum. */
  readonly isGauge: boolean;
}

/**
 * Undefined where the map in the kernel has not the shape that the plan was made for. Throws what the decoders throw
 * whose parameters are none.
 */
export function layoutTable(
  plan: TablePlan,
  reader: MapReader,
  identity: Identity,
  tools: LayoutTools,
): TableLayout | undefined {
  if (reader.keySizeBytes !== plan.keySizeBytes || reader.valueSizeBytes < plan.valueSizeBytes) return undefined;
  const { perCpu = 'sum', histograms: rows = [] } = plan;
  const stepBytes = reader.strideBytes / reader.cpus;
  const each = perCpu === 'each' && (reader.cpus > 1 || perCpuTypes.has(reader.type));
  /** Possible CPUs that one row is made of. */
  const cpus = each ? 1 : reader.cpus;
  const block = new LabelBlock(
    [
      { name: 'node', text: identity.node },
      { name: 'bpf_namespace', text: identity.namespace },
      { name: 'bpf_name', text: identity.name },
      ...(each
        ? [{ name: 'cpu', from: 'value' as const, column: cpuColumn(reader.cpus, stepBytes, tools.digits) }]
        : []),
      ...plan.labels.map((label) => ({
        name: label.name,
        from: label.from,
        column: labelColumn(label, cpus, stepBytes, tools),
      })),
    ],
    tools.digits,
  );
  const fold = perCpu === 'max' || perCpu === 'min' ? perCpu : 'sum';
  const tableTools: TableTools = {
    digits: tools.digits,
    read: (reading) => cpuReader(reading, cpus, stepBytes, fold),
    divisor: perCpu === 'avg' ? cpus : 1,
  };
  const metrics = plan.metrics.map((metric) => layoutMetric(metric, block, cpus, tableTools));
  const histograms = rows.map((row) => layoutHistogram(row, block, tableTools));
  const isPlain = plan.labels.every(({ decoders = [] }) => decoders.length === 0);
  const gathers = histograms.some(({ source }) => source.kind === 'key');
  return {
    map: plan.map,
    reader,
    distinct: plan.distinct && isPlain && !gathers,
    cleanKeys: isPlain && !gathers ? new CleanKeys(plan.labels, plan.keySizeBytes) : undefined,
    block,
    rows: each ? reader.cpus : 1,
    rowBytes: each ? stepBytes : reader.strideBytes,
    metrics,
    histograms,
    families: [...metrics, ...histograms].map(({ family }) => family),
    gathers,
  };
}

/** BPF_MAP_TYPE_* (include/uapi/linux/bpf.h): PERCPU_HASH, PERCPU_ARRAY, LRU_PERCPU_HASH. On a machine of one CPU too. */
const perCpuTypes: ReadonlySet<number> = new Set([5, 6, 10]);

function labelColumn(label: LabelPlan, cpus: number, stepBytes: number, tools: LayoutTools): Column {
  const { reading, decoders = [] } = label;
  const plain = columnOf(reading, tools.digits);
  const column = decoders.length === 0 ? plain : decodedColumn(plain, reading, decoders, tools, label.enums);
  return label.from === 'key' || cpus === 1 ? column : firstCpuColumn(column, reading, cpus, stepBytes);
}

function layoutMetric(metric: MetricRow, block: LabelBlock, cpus: number, tools: TableTools): MetricLayout {
  const { family, type, value, elements, scale } = metric;
  const format = { signed: value.signed, divisor: tools.divisor, scale };
  const read = tools.read(value);
  const writeNumber = numberWriter(format, tools.digits);
  return {
    family,
    lines: elementLabels(elements).map((labels) => lineOf(family, block, labels)),
    strideBytes: elements?.strideBytes ?? 0,
    write: cpus === 1 && isExact(format) ? columnOf(value, tools.digits).write : writeAs(read, writeNumber),
    read,
    writeNumber,
    isGauge: type === 'gauge',
  };
}

function writeAs(read: NumberReader, writeNumber: WriteNumber): Write {
  const halves: Halves = new Uint32Array(2);
  return (source, from, out, at) => {
    read(source, from, halves);
    return writeNumber(out, at, halves[0] ?? 0, halves[1] ?? 0);
  };
}
