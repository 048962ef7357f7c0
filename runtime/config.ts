import type { z } from 'zod';
import { type ConfigOption, optionsOf, parseTexts } from './config-option.ts';

/**
 * The configuration of one process: a flat zod object. A key `stateDir` is the flag `--state-dir` and the environment
 * variable `<envPrefix>_STATE_DIR`; flags win over the environment, that over defaults. Kinds: string, number, boolean,
 * enum, and arrays of strings (comma-separated, or the flag repeated). `.describe()` is the help text; `.meta({
 * value: 'FILE', env: 'NODE_NAME' })` names the value in the help and one more variable to read. Rules across fields
 * are `.refine(…, { path, message })` on the object.
 */
export interface ConfigSpec<Schema extends z.ZodObject> {
  /** As typed by a person: `bpf-agent`. */
  readonly program: string;
  /** One line under the usage line. */
  readonly summary: string;
  readonly envPrefix: string;
  readonly schema: Schema;
}

export interface ConfigInput {
  /** Arguments without node and script. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type ConfigResult<T> =
  | { readonly type: 'value'; readonly value: T }
  | { readonly type: 'help'; readonly text: string }
  /** Every fault at once, one line each, each naming the flag or variable it is about. Main prints them and exits 64. */
  | { readonly type: 'faults'; readonly faults: readonly string[] };

/** EX_USAGE of sysexits.h. */
export const usageExitCode = 64;

export function parseConfig<Schema extends z.ZodObject>(
  spec: ConfigSpec<Schema>,
  input: ConfigInput,
): ConfigResult<z.output<Schema>> {
  const options = optionsOf(spec.schema, spec.envPrefix);
  if (input.argv.includes('--help') || input.argv.includes('-h'))
    return { type: 'help', text: helpText(spec, options) };
  const faults: string[] = [];
  const given = readFlags(input.argv, options, faults);
  for (const option of options) readVariables(option, input.env, given);
  for (const name of unknownVariables(spec.envPrefix, options, input.env)) {
    faults.push(
      `${name}: no such setting${hintFor(
        name,
        options.flatMap((option) => option.variables),
      )}`,
    );
  }
  const raw = Object.fromEntries([...given].map(([option, { texts }]) => [option.key, parseTexts(option.kind, texts)]));
  const result = spec.schema.safeParse(raw);
  if (!result.success) {
    for (const issue of result.error.issues) faults.push(faultOf(issue, options, given));
  }
  if (faults.length > 0 || !result.success) return { type: 'faults', faults };
  return { type: 'value', value: result.data };
}

/** What was typed for an option, and where. */
type Given = Map<ConfigOption, { readonly source: string; readonly texts: readonly string[] }>;

function readFlags(argv: readonly string[], options: readonly ConfigOption[], faults: string[]): Given {
  const given: Given = new Map();
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index] ?? '';
    const [, flag, inline] = /^(--[^=]*)(?:=(.*))?$/s.exec(argument) ?? [];
    if (flag === undefined) {
      faults.push(`${argument}: not a flag, and nothing else is expected`);
      continue;
    }
    const option = options.find((candidate) => candidate.flag === flag);
    if (option === undefined) {
      faults.push(
        `${flag}: no such flag${hintFor(
          flag,
          options.map((candidate) => candidate.flag),
        )}`,
      );
      // Its value is not a second mistake.
      if (inline === undefined && argv[index + 1]?.startsWith('-') === false) index++;
      continue;
    }
    let text = inline;
    if (text === undefined && option.kind === 'boolean') text = 'true';
    if (text === undefined && argv[index + 1]?.startsWith('--') === false) text = argv[++index];
    if (text === undefined) faults.push(`${flag}: needs a value (${option.placeholder})`);
    const texts = [...(given.get(option)?.texts ?? []), text ?? option.defaultText ?? ''];
    if (text !== undefined) given.set(option, { source: flag, texts });
  }
  return given;
}

function readVariables(option: ConfigOption, env: ConfigInput['env'], given: Given): void {
  if (given.has(option)) return;
  for (const name of option.variables) {
    const text = env[name];
    // Set but empty is how a manifest says "not set"; for a list or a text it would mean the same as its absence.
    if (text === undefined || text === '') continue;
    given.set(option, { source: name, texts: [text] });
    return;
  }
}

/** Variables with our prefix that mean nothing: a mistyped one must not be ignored. */
function unknownVariables(prefix: string, options: readonly ConfigOption[], env: ConfigInput['env']): string[] {
  const known = new Set(options.flatMap((option) => option.variables));
  return Object.keys(env).filter((name) => name.startsWith(`${prefix}_`) && !known.has(name) && !isServiceLink(name));
}

/** The kubelet sets NAME_SERVICE_HOST, NAME_PORT_… for a Service NAME, whatever its name. */
function isServiceLink(name: string): boolean {
  return /_SERVICE_(HOST|PORT)(_\w+)?$|_PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?$/.test(name);
}

function faultOf(issue: z.core.$ZodIssue, options: readonly ConfigOption[], given: Given): string {
  const option = options.find((candidate) => candidate.key === issue.path[0]);
  if (option === undefined) return issue.message;
  const source = given.get(option);
  if (source === undefined && issue.code === 'invalid_type') {
    return `${option.flag}: is required (or ${option.variables.join(' or ')})`;
  }
  const typed = source === undefined ? '' : ` ${JSON.stringify(source.texts.join(','))}`;
  return `${source?.source ?? option.flag}:${typed} ${issue.message}`;
}

function helpText(spec: ConfigSpec<z.ZodObject>, options: readonly ConfigOption[]): string {
  const rows = options.map((option) => {
    const left = option.kind === 'boolean' ? `${option.flag}[=false]` : `${option.flag} ${option.placeholder}`;
    const value = option.required
      ? 'required'
      : option.defaultText === undefined
        ? ''
        : `default ${option.defaultText}`;
    const notes = [value, option.variables.join(', ')].filter((note) => note !== '').join('; ');
    return `  ${left}\n      ${option.description === '' ? '' : `${option.description} `}(${notes})\n`;
  });
  const help = '  --help\n      This text.\n';
  return `Usage: ${spec.program} [FLAG]...\n${spec.summary}\n\nFlags (and the environment variable for each):\n${rows.join('')}${help}`;
}

function hintFor(name: string, known: readonly string[]): string {
  const [nearest] = known
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((a, b) => a.distance - b.distance);
  const near = nearest !== undefined && nearest.distance <= Math.max(2, Math.floor(name.length / 3));
  return near ? `, did you mean ${nearest.candidate}?` : '';
}

/** Levenshtein. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
