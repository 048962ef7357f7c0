import type { z } from 'zod';

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

export declare function parseConfig<Schema extends z.ZodObject>(
  spec: ConfigSpec<Schema>,
  input: ConfigInput,
): ConfigResult<z.output<Schema>>;
