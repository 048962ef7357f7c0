import type { SeriesLabelSpec, SeriesSpec } from '../../crds/metrics.ts';
import type { ObjectSpec } from '../object/spec.ts';
import { cutLabel } from './cut-label.ts';
import { isDistinct } from './distinct.ts';
import { isChar, numberAt } from './fields.ts';
import { keyLabels } from './key-labels.ts';
import { intoElements, isProblem, numberOf } from './members.ts';
import { indexLabel } from './names.ts';
import type {
  Elements,
  HistogramRow,
  LabelPlan,
  MetricRow,
  NumberReading,
  PerCpu,
  Reading,
  TablePlan,
} from './plan.ts';
import { endOf, maxLabels, maxNameBytes } from './plan.ts';
import { keyHistogram, slotHistogram } from './series-histogram.ts';
import { labelPlan, type Report, refusedName } from './series-labels.ts';
import { integerOf, type SeriesSource, sourceOf, valuePlace } from './series-source.ts';
import { overlap, spanOf } from './span.ts';

/** A declared series as a table of its own; undefined where something was reported. `at` is its path in the manifest. */
export function compileSeries(
  object: ObjectSpec,
  spec: SeriesSpec,
  family: string,
  at: string,
  report: Report,
): TablePlan | undefined {
  return new SeriesCompiler(object, spec, family, at, report).table();
}

type Row = MetricRow | HistogramRow;

interface NamedLabel {
  readonly label: LabelPlan;
  /** Of the series, what its name was made of: `.labels[0].name`. */
  readonly line: string;
}

/** As an element without a name shows. */
const isIndex = /^(0|[1-9][0-9]*)$/;

/** Of an array in a value. */
const maxElements = 1024;

class SeriesCompiler {
  readonly #object: ObjectSpec;
  readonly #spec: SeriesSpec;
  readonly #family: string;
  readonly #at: string;
  readonly #report: Report;

  constructor(object: ObjectSpec, spec: SeriesSpec, family: string, at: string, report: Report) {
    this.#object = object;
    this.#spec = spec;
    this.#family = family;
    this.#at = at;
    this.#report = report;
  }

  table(): TablePlan | undefined {
    const spec = this.#spec;
    const source = sourceOf(this.#object, spec);
    if ('problem' in source) return this.#refuse(`.${source.field}`, source.problem);
    if (spec.perCPU !== undefined && source.map?.perCpu !== true) {
      return this.#refuse('.perCPU', `${source.what} has one value for all CPUs`);
    }
    const row = spec.histogram === undefined ? this.#number(source) : this.#histogram(source);
    const labels = this.#labels(source, row);
    if (row === undefined || labels === undefined) return undefined;
    return {
      map: source.table,
      keySizeBytes: source.keySizeBytes,
      valueSizeBytes: source.valueSizeBytes,
      labels,
      metrics: 'type' in row ? [row] : [],
      ...('buckets' in row && { histograms: [row] }),
      ...(spec.perCPU !== undefined && spec.perCPU !== 'sum' && { perCpu: spec.perCPU satisfies PerCpu }),
      distinct: source.map === undefined || isDistinctIn(labels, source.keySizeBytes),
    };
  }

  #number(source: SeriesSource): MetricRow | undefined {
    const { name, type, value } = this.#spec;
    const found = this.#value(source, true);
    if (found === undefined) return undefined;
    const scale = value?.scale;
    return {
      family: this.#family,
      type: type === undefined || type === 'histogram' ? (name.endsWith('_total') ? 'counter' : 'untyped') : type,
      help: this.#help(source),
      value: found.reading,
      ...(scale !== undefined && scale !== 1 && { scale }),
      elements: found.elements && this.#named(found.elements),
    };
  }

  #histogram(source: SeriesSource): HistogramRow | undefined {
    const spec = this.#spec.histogram;
    if (spec === undefined) return undefined;
    const at = `${this.#at}.histogram`;
    const row = { family: this.#family, help: this.#help(source) };
    if (spec.kind !== 'slots') {
      const value = this.#value(source, false);
      const histogram = value && keyHistogram(spec, value.reading, source, at, this.#report);
      return histogram && { ...row, ...histogram };
    }
    const histogram = slotHistogram(spec, source, at, this.#report);
    if (histogram === undefined || histogram.buckets.kind !== 'slots') return undefined;
    const { elements } = histogram.buckets;
    if (elements === undefined) return { ...row, ...histogram };
    return { ...row, ...histogram, buckets: { ...histogram.buckets, elements: this.#named(elements) } };
  }

  /** The number in the value, or in each of its elements. */
  #value(source: SeriesSource, mayRepeat: boolean): { reading: NumberReading; elements?: Elements } | undefined {
    const { field, offset, type } = this.#spec.value ?? {};
    if (offset !== undefined && type !== undefined) {
      const reading = integerOf(source.valueAt + offset, type);
      if (endOf(reading) <= source.valueSizeBytes) return { reading };
      const sizeBytes = source.valueSizeBytes - source.valueAt;
      return this.#refuse(
        '.value.offset',
        `bytes ${offset} to ${offset + reading.sizeBytes} of a value of ${sizeBytes}`,
      );
    }
    if (field === undefined && source.value === undefined) {
      const reading = numberAt(source.valueAt, source.valueSizeBytes - source.valueAt, false);
      if (reading !== undefined) return { reading };
    }
    const line = field === undefined ? '' : '.value.field';
    const place = valuePlace(source, field);
    if (isProblem(place)) return this.#refuse(line, place.problem);
    const isText = place.layout.kind === 'array' && isChar(place.layout.element);
    const inside = numberOf(place) === undefined && !isText ? (intoElements(place) ?? place) : place;
    const reading = numberOf(inside);
    if (reading === undefined) {
      const { layout } = inside;
      const members = layout.kind === 'struct' || layout.kind === 'union' ? layout.members : [];
      const cure =
        members.length === 0
          ? ''
          : `; name a member of it in value.field: ${members.map((member) => member.name).join(', ')}`;
      return this.#refuse(line, `it is no integer of 1, 2, 4 or 8 bytes${cure}`);
    }
    if (inside.elements === undefined) return { reading };
    if (!mayRepeat) return this.#refuse(line, 'the count of a bucket is one integer, not an array');
    if (inside.elements.count > maxElements) {
      return this.#refuse(line, `an array of ${inside.elements.count} elements, more than ${maxElements}`);
    }
    return { reading, elements: inside.elements };
  }

  /** Undefined where something was reported. */
  #labels(source: SeriesSource, row: Row | undefined): readonly LabelPlan[] | undefined {
    const { labels: specs, index } = this.#spec;
    if (index !== undefined) {
      const refused = refusedName(index.label);
      if (refused !== undefined) this.#report(`${this.#at}.index.label`, refused);
    }
    const keyIndex = this.#indexOfKey(source, row);
    if (keyIndex === 'none') return undefined;
    const own =
      specs === undefined
        ? this.#autoLabels(source, row, keyIndex).map((label) => ({ label, line: '.labels' }))
        : this.#declaredLabels(specs, source);
    const named = keyIndex === undefined ? own : [...own, { label: keyIndex, line: '.index.label' }];
    if (named.length > maxLabels) {
      const problem = `the key of ${source.what} makes ${named.length} labels, more than ${maxLabels}; say which`;
      return this.#refuse('.labels', problem);
    }
    const bucket = bucketOf(row);
    const split =
      bucket &&
      named.find(({ label: { from, reading } }) => from === 'key' && overlap(spanOf(reading), spanOf(bucket)));
    if (split !== undefined) {
      const problem = `label ${split.label.name} shows the bucket's number, so each bucket would be a histogram of its own`;
      return this.#refuse(split.line, `${problem}; leave it out of the labels`);
    }
    const long = named.find(({ label }) => label.name.length > maxNameBytes);
    if (long !== undefined) {
      return this.#refuse(long.line, `${long.label.name.slice(0, 32)}… is a name of more than ${maxNameBytes} bytes`);
    }
    return this.#checkNames(named, row) ? named.map(({ label }) => label) : undefined;
  }

  #declaredLabels(specs: readonly SeriesLabelSpec[], source: SeriesSource): readonly NamedLabel[] {
    return specs.flatMap((spec, j) => {
      const label = labelPlan(spec, source, `${this.#at}.labels[${j}]`, this.#report);
      return label === undefined ? [] : [{ label, line: `.labels[${j}].name` }];
    });
  }

  #autoLabels(source: SeriesSource, row: Row | undefined, keyIndex: LabelPlan | undefined): readonly LabelPlan[] {
    const { map, what } = source;
    if (map === undefined || keyIndex !== undefined) return [];
    const taken = new Set(this.#spec.index === undefined ? [] : [this.#spec.index.label]);
    const bucket = bucketOf(row);
    return keyLabels(this.#object.types, map.spec, map.shape, what, taken)
      .filter(({ reading }) => bucket === undefined || !isSame(reading, bucket))
      .map(({ name, from, reading }) => ({ name, from, reading }));
  }

  /** The label that `index` makes of an array map's key; undefined where it is about the value's elements. */
  #indexOfKey(source: SeriesSource, row: Row | undefined): LabelPlan | undefined | 'none' {
    const { index } = this.#spec;
    if (index === undefined || row === undefined || elementsOf(row) !== undefined) return undefined;
    if (source.map?.shape !== 'array') {
      this.#report(`${this.#at}.index`, `there is no array, neither in the value nor as ${source.what}`);
      return 'none';
    }
    this.#checkIndexNames(source.map.spec.maxEntries);
    const number: NumberReading = { kind: 'int', offsetBytes: 0, sizeBytes: 4, signed: false };
    const names = new Map((index.names ?? []).map((name, i) => [BigInt(i), name]));
    return { name: index.label, from: 'key', reading: names.size === 0 ? number : { kind: 'enum', number, names } };
  }

  #named(elements: Elements): Elements {
    const { index } = this.#spec;
    this.#checkIndexNames(elements.count);
    return {
      ...elements,
      ...(index !== undefined && { label: index.label }),
      ...(index?.names !== undefined && { names: index.names }),
    };
  }

  /** Two elements that show alike would be one series twice. */
  #checkIndexNames(count: number): void {
    const names = this.#spec.index?.names ?? [];
    const at = `${this.#at}.index.names`;
    if (names.length > count) this.#report(at, `${names.length} names for ${count} elements`);
    const shown = names.map(cutLabel);
    for (const [i, name] of shown.entries()) {
      const first = shown.indexOf(name);
      const isNumber = isIndex.test(name) && Number(name) >= names.length && Number(name) < count;
      const other = first < i ? `names[${first}]` : isNumber ? `element ${name}, which has no name,` : undefined;
      if (other !== undefined) this.#report(`${at}[${i}]`, `${other} shows as ${JSON.stringify(name)} already`);
    }
  }

  #checkNames(labels: readonly NamedLabel[], row: Row | undefined): boolean {
    const elements = row && elementsOf(row);
    const taken = new Map<string, string>();
    if (this.#spec.perCPU === 'each') taken.set('cpu', 'perCPU: each');
    if (elements !== undefined) taken.set(elements.label ?? indexLabel, 'the index of an array');
    const before = taken.size;
    for (const { label, line } of labels) {
      const other = taken.get(label.name);
      if (other === undefined) taken.set(label.name, line.slice(1));
      else this.#report(`${this.#at}${line}`, `${other} makes a label ${label.name} already`);
    }
    return taken.size === before + labels.length;
  }

  #help(source: SeriesSource): string {
    const { help, value } = this.#spec;
    const of = source.map === undefined ? `BPF global variable ${this.#spec.global}` : `BPF map ${this.#spec.map}`;
    return help ?? (value?.field === undefined ? `${of}.` : `Member ${value.field} of ${of}.`);
  }

  #refuse(line: string, problem: string): undefined {
    this.#report(`${this.#at}${line}`, problem);
  }
}

const elementsOf = (row: Row): Elements | undefined => {
  if (!('buckets' in row)) return row.elements;
  return row.buckets.kind === 'slots' ? row.buckets.elements : undefined;
};

/** In the key, of a histogram whose buckets are entries. */
const bucketOf = (row: Row | undefined): NumberReading | undefined =>
  row !== undefined && 'buckets' in row && row.buckets.kind === 'key' ? row.buckets.number : undefined;

/** A decoder may give two keys one name; of a value nobody knows. */
const isDistinctIn = (labels: readonly LabelPlan[], keySizeBytes: number): boolean =>
  isDistinct(
    labels.filter(({ from, decoders }) => from === 'key' && decoders === undefined).map(({ reading }) => reading),
    keySizeBytes,
  );

const isSame = (reading: Reading, number: NumberReading): boolean => {
  const own = reading.kind === 'enum' ? reading.number : reading;
  if (own.offsetBytes !== number.offsetBytes || own.kind !== number.kind) return false;
  return own.kind !== 'bits' || number.kind !== 'bits' || own.shift === number.shift;
};
