import type { RevisionTemplate } from '../../crds/load-config.ts';
import type { GlobalSpec, ObjectSpec } from '../object/spec.ts';
import { choosePrograms } from './choose-programs.ts';
import { encodeGlobal, listed, typeName } from './encode-global.ts';
import { type Rejection, reject } from './rejection.ts';
import { twinWarnings } from './twins.ts';

/** Bytes that a section of the object starts with, in place of its own. */
export interface GlobalValue {
  readonly name: string;
  /** `.rodata`, `.data`, `.bss`, or one of their kin. */
  readonly section: string;
  readonly offsetBytes: number;
  readonly bytes: Uint8Array;
}

export interface Configured {
  readonly ok: true;
  /** With the sizes of maps that the template says. */
  readonly object: ObjectSpec;
  readonly globals: readonly GlobalValue[];
  /** What is allowed, and probably not meant: a sentence each. */
  readonly warnings: readonly string[];
}

/** An object as a template wants it loaded, or why that cannot be: pure, so a mistake is found before any node is asked. */
export function configure(object: ObjectSpec, template: RevisionTemplate = {}): Configured | Rejection {
  const { programs = [], maps = [] } = template;

  // Everything that is named must be there.
  const programNames = new Set(object.programs.map(({ name }) => name));
  for (const [index, { name, firstOf }] of programs.entries()) {
    const missing = (name === undefined ? (firstOf ?? []) : [name]).find((wanted) => !programNames.has(wanted));
    if (missing === undefined) continue;
    return reject(
      'UnknownProgram',
      `check spec.programs[${index}]: the object has no program ${missing}; it has ${listed([...programNames])}`,
    );
  }
  const mapNames = new Set(object.maps.map(({ name }) => name));
  const lost = maps.find(({ name }) => !mapNames.has(name));
  if (lost !== undefined) {
    return reject('UnknownMap', `check spec.maps: the object has no map ${lost.name}; it has ${listed([...mapNames])}`);
  }

  const globals: GlobalValue[] = [];
  for (const [name, value] of Object.entries(template.globals ?? {})) {
    const encoded = encodeNamed(object, name, value);
    if (!encoded.ok) return encoded;
    globals.push(encoded.value);
  }

  const sizes = new Map(maps.map(({ name, maxEntries }) => [name, maxEntries]));
  const sized = object.maps.map((map) => ({ ...map, maxEntries: sizes.get(map.name) ?? map.maxEntries }));
  const { on } = choosePrograms(object.programs, programs, new Set());
  return {
    ok: true,
    object: sizes.size === 0 ? object : { ...object, maps: sized },
    globals,
    warnings: on.size === 0 ? [nothingRuns] : twinWarnings(object.programs, on),
  };
}

/** No fault: maps that were counted in before go on being exported. */
const nothingRuns =
  'no program of the object runs, all are switched off, by spec.programs or by SEC("?…") [enabled: true switches one on; suspend: true is for all]';

function encodeNamed(
  object: ObjectSpec,
  name: string,
  value: unknown,
): { readonly ok: true; readonly value: GlobalValue } | Rejection {
  const field = `check spec.globals.${name}`;
  const [variable, other] = variablesNamed(object, name);
  if (variable === undefined) {
    const names = object.globals.filter(isOurs).map((global) => global.name);
    const hint = object.hasBtf ? '' : ' [the object has no BTF: compile with -g]';
    return reject('UnknownGlobal', `${field}: the object has no such variable; it has ${listed(names)}${hint}`);
  }
  if (other !== undefined) {
    const places = `${variable.section}+${variable.offsetBytes} and ${other.section}+${other.offsetBytes}`;
    return reject('InvalidGlobal', `${field}: the object has two static variables of this name, at ${places}`);
  }
  const layout = object.types.layout(variable.typeId);
  const encoded = encodeGlobal(layout, value);
  if (!encoded.ok) {
    const subject = encoded.problem.startsWith('[') ? `${name}${encoded.problem}` : `${name} ${encoded.problem}`;
    return reject('InvalidGlobal', `check spec.globals: ${subject}${elementNote(encoded.problem, typeName(layout))}`);
  }
  const { section, offsetBytes } = variable;
  return { ok: true, value: { name, section, offsetBytes, bytes: encoded.bytes } };
}

/** Of an element's fault, which variable's type it is in. */
const elementNote = (problem: string, type: string): string => (problem.startsWith('[') ? `, in ${type}` : '');

/** Static variables of two functions may share a name; one that other files could see goes before them. */
function variablesNamed({ globals }: ObjectSpec, name: string): readonly GlobalSpec[] {
  const named = globals.filter((global) => global.name === name && isOurs(global));
  const visible = named.filter(({ linkage }) => linkage === 'global');
  return visible.length > 0 ? visible : named;
}

/** What the object itself defines. */
const isOurs = ({ linkage }: GlobalSpec): boolean => linkage !== 'extern';
