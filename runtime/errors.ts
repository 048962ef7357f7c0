/**
 * An error is a code plus typed facts (design: style rule 8). Callers branch on `code` and read `facts`; the message is
 * rendered for people and never parsed. The cause, if any, is kept.
 */
export class CodedError<Code extends string = string, Facts extends object = object> extends Error {
  readonly code: Code;
  readonly facts: Facts;

  constructor(code: Code, message: string, facts: Facts, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.facts = facts;
  }
}

/** The text of whatever was thrown, with the messages of its causes behind it: `outer: inner: innermost`. */
export function messageOf(thrown: unknown): string {
  const parts: string[] = [];
  let current: unknown = thrown;
  for (let depth = 0; current !== undefined && depth < maxCauseDepth; depth++) {
    const text = Error.isError(current) ? current.message : String(current);
    if (!parts.some((part) => part.includes(text))) parts.push(text);
    current = Error.isError(current) ? current.cause : undefined;
  }
  return parts.join(': ');
}

/** A chain of causes longer than this is a loop or a mistake. */
const maxCauseDepth = 8;

/**
 * The `code` of an error of Node or of ours (`ENOENT`, …); undefined where it has none. Asks Error.isError, not
 * instanceof: an error of another realm (a worker, a test's sandbox) is an error too.
 */
export function codeOf(thrown: unknown): string | undefined {
  return Error.isError(thrown) && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}
