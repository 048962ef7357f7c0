import type { SeriesSpec } from '../../crds/metrics.ts';
import type { Layout, MapSpec, ObjectSpec, TypeTable } from '../object/spec.ts';
import { numberAt } from './fields.ts';
import { layoutOf, type Shape } from './key-labels.ts';
import { exportedTypes, perCpuTypes } from './map-shapes.ts';
import { isProblem, type Place, type Problem, placeOf } from './members.ts';
import type { NumberReading } from './plan.ts';

/** Where the bytes of a declared series are: a map's keys and values, or a global in its section. */
export interface SeriesSource {
  /** What the plan calls it: the map, or the global's section. */
  readonly table: string;
  /** For messages: `map hists`. */
  readonly what: string;
  readonly map: { readonly spec: MapSpec; readonly shape: Shape; readonly perCpu: boolean } | undefined;
  readonly keySizeBytes: number;
  /** The map's value, or the section up to the global's end. */
  readonly valueSizeBytes: number;
  /** Undefined where BTF does not speak of it. */
  readonly key: Layout | undefined;
  readonly value: Layout | undefined;
  /** Where in its section a global is; 0 for a map. */
  readonly valueAt: number;
  /** The object's. */
  readonly types: TypeTable;
}

/** The map or global of a series, or which one of the two fields names none, and why. */
export function sourceOf(object: ObjectSpec, series: SeriesSpec): SeriesSource | (Problem & { field: string }) {
  if (series.map !== undefined) return mapSource(object, series.map);
  return globalSource(object, series.global ?? '');
}

/** A section's map has one entry; the kernel makes it an array. */
const sectionKeyBytes = 4;
const arrayKey: Layout = { kind: 'int', sizeBytes: sectionKeyBytes, signed: false, encoding: 'int' };

function mapSource(object: ObjectSpec, name: string): SeriesSource | (Problem & { field: string }) {
  const spec = object.maps.find((map) => map.name === name);
  if (spec === undefined) {
    return { field: 'map', problem: `no map ${name} in the object; ${thereAre(object.maps.map((map) => map.name))}` };
  }
  const shape = exportedTypes.get(spec.type);
  if (shape === undefined)
    return { field: 'map', problem: `map ${name} is of type ${spec.type}, which holds no results` };
  return {
    table: name,
    what: `map ${name}`,
    map: { spec, shape, perCpu: perCpuTypes.has(spec.type) },
    keySizeBytes: spec.keySizeBytes,
    valueSizeBytes: spec.valueSizeBytes,
    // The kernel takes any type of four bytes as an array's key; what it means is the index.
    key: shape === 'array' ? arrayKey : layoutOf(object.types, spec.keyTypeId, spec.keySizeBytes),
    value: layoutOf(object.types, spec.valueTypeId, spec.valueSizeBytes),
    valueAt: 0,
    types: object.types,
  };
}

function globalSource(object: ObjectSpec, name: string): SeriesSource | (Problem & { field: string }) {
  const isResult = (section: string): boolean => /^\.(bss|data)(\.|$)/.test(section);
  const global = object.globals.find((each) => each.name === name);
  if (global === undefined) {
    const names = object.globals.filter(({ section }) => isResult(section)).map((each) => each.name);
    return { field: 'global', problem: `no global ${name} in the object; ${thereAre(names)}` };
  }
  if (!isResult(global.section)) {
    return { field: 'global', problem: `global ${name} is in ${global.section}: only .bss and .data hold results` };
  }
  return {
    table: global.section,
    what: `global ${name}`,
    map: undefined,
    keySizeBytes: sectionKeyBytes,
    valueSizeBytes: global.offsetBytes + global.sizeBytes,
    key: undefined,
    value: layoutOf(object.types, global.typeId, global.sizeBytes),
    valueAt: global.offsetBytes,
    types: object.types,
  };
}

/** Where in the value a path leads, its offset that from the start of the map's value or of the section. */
export function valuePlace(source: SeriesSource, path: string | undefined): Place | Problem {
  const what = source.map === undefined ? source.what : `the value of ${source.what}`;
  if (source.value === undefined) return { problem: `${what} has no BTF type; say offset and type instead` };
  const place = placeOf(source.value, path, what);
  return isProblem(place) ? place : { ...place, offsetBytes: place.offsetBytes + source.valueAt };
}

export function keyPlace(source: SeriesSource, path: string | undefined): Place | Problem {
  if (source.map === undefined) return { problem: `${source.what} has no key` };
  const what = `the key of ${source.what}`;
  if (source.key === undefined) return { problem: `${what} has no BTF type; say offset and type instead` };
  return placeOf(source.key, path, what);
}

export type IntegerType = 'u8' | 'u16' | 'u32' | 'u64' | 's8' | 's16' | 's32' | 's64';

/** An integer that is declared by its bytes. */
export function integerOf(offsetBytes: number, type: IntegerType): Extract<NumberReading, { kind: 'int' }> {
  const reading = numberAt(offsetBytes, Number(type.slice(1)) / 8, type.startsWith('s'));
  if (reading?.kind !== 'int') throw new RangeError(`no integer type ${type}`);
  return reading;
}

function thereAre(names: readonly string[]): string {
  if (names.length === 0) return 'there is none';
  return `there are: ${names.slice(0, maxNamesShown).join(', ')}${names.length > maxNamesShown ? ', …' : ''}`;
}

/** A message is read by people. */
const maxNamesShown = 32;
