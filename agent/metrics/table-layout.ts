import { indexLabel } from '../../bpf/metrics/names.ts';
import type { LabelPlan, MetricRow, TablePlan } from '../../bpf/metrics/plan.ts';
import type { MapReader } from '../kernel/map-reader.ts';
import { type Column, columnOf, firstCpuText, numberWrite, type Write } from './columns.ts';
import { type Digits, maxNumberBytes } from './digits.ts';
import { LabelBlock } from './label-block.ts';
import { type NumberReader, sumReader } from './numbers.ts';
import { type Piece, pieceOf, wordBytes } from './text.ts';

/** Whose series they are; the labels that every series bears. */
export interface Identity {
  readonly node: string;
  readonly namespace: string;
  readonly name: string;
}

/** A table's plan, made ready for one map: what to write, and how to read it from the map's own strides. */
export interface TableLayout {
  readonly map: string;
  readonly reader: MapReader;
  readonly distinct: boolean;
  readonly block: LabelBlock;
  readonly metrics: readonly MetricLayout[];
}

export interface MetricLayout {
  readonly family: string;
  /** A line's unchanging beginning, `name{a="1",`: one for all elements, or one for each where it holds their index. */
  readonly heads: readonly Piece[];
  readonly write: Write;
  readonly read: NumberReader;
  readonly signed: boolean;
  /** 1, or the number of elements, `strideBytes` apart. */
  readonly count: number;
  readonly strideBytes: number;
  /** `index="0",` and so on, to be put into the rest of the labels; empty where there is nothing to put there. */
  readonly index: readonly Piece[];
  /** Most bytes that a line takes besides the rest of its labels. */
  readonly maxOverheadBytes: number;
}

/** Undefined where the map in the kernel has not the shape that the plan was made for. */
export function layoutTable(
  plan: TablePlan,
  reader: MapReader,
  identity: Identity,
  digits: Digits,
): TableLayout | undefined {
  if (reader.keySizeBytes !== plan.keySizeBytes || reader.valueSizeBytes < plan.valueSizeBytes) return undefined;
  const stepBytes = reader.strideBytes / reader.cpus;
  const block = new LabelBlock([
    { name: 'node', text: identity.node },
    { name: 'bpf_namespace', text: identity.namespace },
    { name: 'bpf_name', text: identity.name },
    ...plan.labels.map((label) => ({ name: label.name, from: label.from, column: labelColumn(label, reader, digits) })),
  ]);
  const metrics = plan.metrics.map((metric) => layoutMetric(metric, block, reader.cpus, stepBytes, digits));
  return { map: plan.map, reader, distinct: plan.distinct, block, metrics };
}

function labelColumn(label: LabelPlan, reader: MapReader, digits: Digits): Column {
  const column = columnOf(label.reading, digits);
  if (label.from === 'key' || label.reading.kind !== 'text' || reader.cpus === 1) return column;
  return firstCpuText(column, label.reading.offsetBytes, reader.cpus, reader.strideBytes / reader.cpus);
}

function layoutMetric(
  metric: MetricRow,
  block: LabelBlock,
  cpus: number,
  stepBytes: number,
  digits: Digits,
): MetricLayout {
  const read = sumReader(metric.value, cpus, stepBytes);
  const { signed } = metric.value;
  const count = metric.elements?.count ?? 1;
  const labels = metric.elements === undefined ? [] : Array.from({ length: count }, (_, i) => `${indexLabel}="${i}",`);
  const place = block.indexInHead;
  const heads =
    place === undefined || labels.length === 0
      ? [pieceOf(metric.family + block.head)]
      : labels.map((label) => pieceOf(metric.family + insert(block.head, place, label)));
  const index = place === undefined ? labels.map(pieceOf) : [];
  const headBytes = Math.max(...heads.map((head) => head.sizeBytes));
  const indexBytes = Math.max(0, ...index.map((piece) => piece.sizeBytes));
  return {
    family: metric.family,
    heads,
    write: cpus === 1 ? columnOf(metric.value, digits).write : numberWrite(read, signed, digits),
    read,
    signed,
    count,
    strideBytes: metric.elements?.strideBytes ?? 0,
    index,
    maxOverheadBytes: headBytes + indexBytes + maxNumberBytes + 1 + wordBytes,
  };
}

/** `place` counts bytes. */
function insert(text: string, place: number, inserted: string): string {
  const bytes = Buffer.from(text);
  return bytes.toString('utf8', 0, place) + inserted + bytes.toString('utf8', place);
}
