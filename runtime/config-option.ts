import type { z } from 'zod';

/** One option of a configuration: a key of its zod object, as a flag and as environment variables. */
export interface ConfigOption {
  /** `stateDir` */
  readonly key: string;
  /** `--state-dir` */
  readonly flag: string;
  /** The first that is set counts: `BPF_AGENT_STATE_DIR`, then what `.meta({ env })` names. */
  readonly variables: readonly string[];
  readonly kind: OptionKind;
  readonly description: string;
  /** What stands for the value in the help: `FILE`. */
  readonly placeholder: string;
  /** As text; undefined where there is none. */
  readonly defaultText: string | undefined;
  readonly required: boolean;
}

export type OptionKind = 'string' | 'number' | 'boolean' | 'enum' | 'list';

/** The options of a flat zod object. Throws on a schema that flags cannot express: that is a mistake in the program. */
export function optionsOf(schema: z.ZodObject, envPrefix: string): ConfigOption[] {
  return Object.entries(schema.shape).map(([key, field]) => {
    const words = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const facts = factsOf(key, field as z.ZodType);
    const own = `${envPrefix}_${words.replaceAll('-', '_').toUpperCase()}`;
    const { env, value, ...rest } = facts;
    const placeholder = value ?? (facts.choices === undefined ? rest.kind.toUpperCase() : facts.choices.join('|'));
    return { key, flag: `--${words}`, variables: env === undefined ? [own] : [own, env], placeholder, ...rest };
  });
}

/** What zod is to check, from what was typed; text that is no number or boolean stays text, for zod to refuse. */
export function parseTexts(kind: OptionKind, texts: readonly string[]): unknown {
  const last = texts.at(-1) ?? '';
  switch (kind) {
    case 'number':
      return last.trim() === '' || Number.isNaN(Number(last)) ? last : Number(last);
    case 'boolean':
      return last === 'true' || last === '' ? true : last === 'false' ? false : last;
    case 'list':
      return texts.flatMap((text) => text.split(',')).flatMap((item) => (item.trim() === '' ? [] : [item.trim()]));
    default:
      return last;
  }
}

interface Facts {
  readonly kind: OptionKind;
  readonly choices: readonly string[] | undefined;
  readonly description: string;
  readonly defaultText: string | undefined;
  readonly required: boolean;
  readonly value: string | undefined;
  readonly env: string | undefined;
}

/** Walks from the outermost wrapper (default, optional) to the type itself; the outer one's words count. */
function factsOf(key: string, field: z.ZodType): Facts {
  let description = field.description;
  let { value, env } = metaOf(field);
  let defaultText: string | undefined;
  let required = true;
  let type = field;
  for (;;) {
    const { def } = type as { def: { type: string; innerType?: z.ZodType; in?: z.ZodType; defaultValue?: unknown } };
    if (def.type === 'default') defaultText = textOf(def.defaultValue);
    if (def.type === 'default' || def.type === 'optional') required = false;
    const inner = def.innerType ?? (def.type === 'pipe' ? def.in : undefined);
    if (inner === undefined) break;
    type = inner;
    description ??= type.description;
    const meta = metaOf(type);
    value ??= meta.value;
    env ??= meta.env;
  }
  const { kind, choices } = kindOf(key, type);
  return { kind, choices, description: description ?? '', defaultText, required, value, env };
}

function kindOf(key: string, type: z.ZodType): { kind: OptionKind; choices: readonly string[] | undefined } {
  const { def } = type as { def: { type: string; entries?: Record<string, string> } };
  switch (def.type) {
    case 'string':
    case 'number':
    case 'boolean':
      return { kind: def.type, choices: undefined };
    case 'enum':
      return { kind: 'enum', choices: Object.values(def.entries ?? {}) };
    case 'array':
      return { kind: 'list', choices: undefined };
    default:
      throw new TypeError(`option ${key}: a ${def.type} cannot be given as a flag`);
  }
}

function metaOf(type: z.ZodType): { value: string | undefined; env: string | undefined } {
  const meta = type.meta() ?? {};
  const text = (name: string) => (typeof meta[name] === 'string' ? meta[name] : undefined);
  return { value: text('value'), env: text('env') };
}

function textOf(value: unknown): string | undefined {
  if (value === undefined || value === '') return undefined;
  return Array.isArray(value) ? value.join(',') || undefined : String(value);
}
