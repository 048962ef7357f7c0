import type { GlobalSpec, MapSpec, ObjectSpec } from '../object/spec.ts';
import { isDistinct } from './distinct.ts';
import { type Field, fieldsOf, numberAt } from './fields.ts';
import { type Claim, keyLabels, layoutOf } from './key-labels.ts';
import { exportedTypes } from './map-shapes.ts';
import { defaultPrefix, isReservedLabel, legalLabelName, legalMetricName, prefixed, reservedFamily } from './names.ts';
import type { MetricPlan, MetricRow, NumberReading, TablePlan } from './plan.ts';
import { endOf, maxFamilies, maxLabels, maxNameBytes } from './plan.ts';

/** Why an object's metrics cannot be exported as they are: the reason `InvalidMetric`. */
export interface MetricFault {
  readonly message: string;
  /** The metric's or label's name that is at fault. */
  readonly name: string;
  /** Who claims it, in C's terms: `map "stats"`, `member a.b of the key of map "stats"`. Two, where two come out alike. */
  readonly claimants: readonly string[];
}

export interface ZeroConfig {
  /** To be used only where there are no faults. */
  readonly plan: MetricPlan;
  readonly faults: readonly MetricFault[];
}

export interface ZeroConfigOptions {
  /** Before each metric's name; `bpf` where it is absent, nothing where it is empty. */
  readonly prefix?: string | undefined;
  /** Maps and globals that are left out, by name: C has one namespace for both. */
  readonly except?: ReadonlySet<string>;
}

/** Larger arrays are a program's own tables, not results. */
export const maxArrayEntries = 1024;
/** An array of integers in a value gives a series for each of its elements. */
const maxElements = 64;
const arrayKeyBytes = 4;

/**
 * The metrics of an object that declares none, from its BTF alone: every map that holds results and every integer
 * global (design: metrics.md, "Zero configuration"). Pure; the same object gives the same plan.
 */
export function zeroConfig(object: ObjectSpec, options: ZeroConfigOptions = {}): ZeroConfig {
  const planner = new Planner(object, options.prefix ?? defaultPrefix);
  const wanted = (declared: { readonly name: string }): boolean => options.except?.has(declared.name) !== true;
  for (const map of object.maps.filter(wanted)) planner.addMap(map);
  planner.addGlobals(object.globals.filter(wanted));
  return planner.result();
}

class Planner {
  readonly #object: ObjectSpec;
  readonly #prefix: string;
  readonly #tables: TablePlan[] = [];
  readonly #notes: string[] = [];
  readonly #faults: MetricFault[] = [];
  readonly #families = new Map<string, string>();

  constructor(object: ObjectSpec, prefix: string) {
    this.#object = object;
    this.#prefix = prefix;
  }

  result(): ZeroConfig {
    return { plan: { tables: this.#tables, notes: this.#notes }, faults: this.#faults };
  }

  addMap(map: MapSpec): void {
    const owner = `map "${map.name}"`;
    const shape = exportedTypes.get(map.type);
    if (shape === undefined) {
      this.#notes.push(`${owner} is not exported: maps of type ${map.type} are not`);
      return;
    }
    if (shape === 'array' && map.maxEntries > maxArrayEntries) {
      this.#notes.push(`${owner} is not exported: an array of ${map.maxEntries} entries, more than ${maxArrayEntries}`);
      return;
    }

    // The value first: a label that is made of it takes its name before the key's members do.
    const value = this.#valueParts(map, owner);
    if (value.numbers.length === 0) {
      this.#notes.push(`${owner} is not exported: its value of ${map.valueSizeBytes} bytes holds no integer`);
      return;
    }
    const taken = new Set(value.labels.map((label) => label.name));
    const key = keyLabels(this.#object.types, map, shape, owner, taken);
    const claims = [...value.labels, ...key];
    if (claims.length > maxLabels) {
      this.#notes.push(`${owner} is not exported: ${claims.length} labels, more than ${maxLabels}`);
      return;
    }
    this.#checkLabels(claims);

    const metrics = value.numbers.flatMap((field) => {
      const path = field.path.join('.');
      const member = path === '' ? owner : `member ${path} of the value of ${owner}`;
      const help = path === '' ? `BPF map ${map.name}.` : `Member ${path} of BPF map ${map.name}.`;
      return this.#metric([map.name, ...field.path].join('_'), member, help, field.shape);
    });
    if (metrics.length === 0) return;
    this.#tables.push({
      map: map.name,
      keySizeBytes: map.keySizeBytes,
      valueSizeBytes: map.valueSizeBytes,
      labels: claims.map(({ name, from, reading }) => ({ name, from, reading })),
      metrics,
      distinct: isDistinct(
        key.map((label) => label.reading),
        map.keySizeBytes,
      ),
    });
  }

  /** One table for each section, without labels: a section is a map of one entry. */
  addGlobals(globals: readonly GlobalSpec[]): void {
    const sections = new Map<string, MetricRow[]>();
    for (const global of globals) {
      if (global.linkage !== 'global' || !/^\.(bss|data)(\.|$)/.test(global.section)) continue;
      const owner = `global "${global.name}"`;
      const [field, ...more] = fieldsOf(this.#object.types.layout(global.typeId), global.sizeBytes);
      if (field?.shape.kind !== 'number' || more.length > 0 || field.path.length > 0) {
        this.#notes.push(`${owner} is not exported: not an integer`);
        continue;
      }
      const shape = { ...field.shape, reading: moved(field.shape.reading, global.offsetBytes) };
      const rows = this.#metric(global.name, owner, `BPF global variable ${global.name}.`, shape);
      sections.set(global.section, [...(sections.get(global.section) ?? []), ...rows]);
    }
    for (const [map, metrics] of sections) {
      if (metrics.length === 0) continue;
      const valueSizeBytes = Math.max(...metrics.map((metric) => endOf(metric.value)));
      this.#tables.push({ map, keySizeBytes: arrayKeyBytes, valueSizeBytes, labels: [], metrics, distinct: true });
    }
  }

  #valueParts(map: MapSpec, owner: string): { numbers: readonly Field[]; labels: readonly Claim[] } {
    const layout = layoutOf(this.#object.types, map.valueTypeId, map.valueSizeBytes);
    if (layout === undefined) {
      const reading = numberAt(0, map.valueSizeBytes, false);
      return { numbers: reading === undefined ? [] : [{ path: [], shape: { kind: 'number', reading } }], labels: [] };
    }
    const numbers: Field[] = [];
    const labels: Claim[] = [];
    for (const field of fieldsOf(layout, map.valueSizeBytes)) {
      const path = field.path.join('.');
      const part = `member ${path} of the value of ${owner}`;
      const { shape } = field;
      if (shape.kind === 'label' && path !== '') {
        const name = legalLabelName(field.path.join('_'));
        labels.push({
          name: isReservedLabel(name) ? `value_${name}` : name,
          from: 'value',
          reading: shape.reading,
          part,
        });
      } else if (shape.kind === 'number' || (shape.kind === 'numbers' && shape.count <= maxElements)) {
        numbers.push(field);
      } else if (path !== '') {
        const what =
          shape.kind === 'numbers' ? `array of ${shape.count} integers, more than ${maxElements}` : whatIs(shape);
        this.#notes.push(`${part} is not exported: ${what}`);
      }
    }
    return { numbers, labels };
  }

  #metric(name: string, claimant: string, help: string, shape: Field['shape']): readonly MetricRow[] {
    const family = legalMetricName(prefixed(this.#prefix, name));
    const other = this.#families.get(family);
    const reserved = reservedFamily(family);
    if (other !== undefined) {
      this.#fault(`${other} and ${claimant} both make the metric ${family}`, family, [other, claimant]);
    } else if (reserved !== undefined) {
      this.#fault(`${claimant} makes the metric ${family}: ${reserved}`, family, [claimant]);
    } else if (family.length > maxNameBytes) {
      this.#fault(`${claimant} makes a metric's name of more than ${maxNameBytes} bytes`, family, [claimant]);
    } else if (this.#families.size >= maxFamilies) {
      this.#notes.push(`${claimant} is not exported: the object has more than ${maxFamilies} metrics`);
    } else {
      this.#families.set(family, claimant);
      const type = family.endsWith('_total') ? 'counter' : 'untyped';
      if (shape.kind === 'number') return [{ family, type, help, value: shape.reading, elements: undefined }];
      if (shape.kind === 'numbers') {
        const { count, strideBytes } = shape;
        return [{ family, type, help, value: shape.first, elements: { count, strideBytes } }];
      }
    }
    return [];
  }

  #checkLabels(claims: readonly Claim[]): void {
    const seen = new Map<string, string>();
    for (const { name, part } of claims) {
      const other = seen.get(name);
      if (other !== undefined) this.#fault(`${other} and ${part} both make the label ${name}`, name, [other, part]);
      else if (name.length > maxNameBytes)
        this.#fault(`${part} makes a label's name of more than ${maxNameBytes} bytes`, name, [part]);
      seen.set(name, part);
    }
  }

  #fault(message: string, name: string, claimants: readonly string[]): void {
    this.#faults.push({ message, name, claimants });
  }
}

const whatIs = (shape: Field['shape']): string => (shape.kind === 'bytes' ? shape.what : shape.kind);

function moved(reading: NumberReading, byBytes: number): NumberReading {
  return { ...reading, offsetBytes: reading.offsetBytes + byBytes };
}
