import { isScalar, LineCounter, parseDocument, visit, type YAMLMap, type YAMLParseError } from 'yaml';
import { messageOf } from '../../runtime/errors.ts';
import { kubectlTags } from './yaml-tags.ts';

/** One document of a file, or why it is none. */
export type YamlDocument = {
  /** Which of the file, from 1; empty ones do not count. */
  readonly number: number;
  /** Of the file, where it starts, from 1. */
  readonly line: number;
} & (
  | { readonly type: 'value'; readonly value: unknown }
  /** `message` names the line where it went wrong. */
  | { readonly type: 'unreadable'; readonly message: string }
);

/** Far more than anybody keeps in one file; each costs a parse. */
export const maxDocuments = 1000;
/** A document may come out this many aliased nodes larger than it is written (a "billion laughs" file is refused). */
const maxAliasCount = 100;

/** A file has more documents than it may. */
export class TooManyDocuments extends Error {
  constructor() {
    super(`more than ${maxDocuments} documents in one file`);
  }
}

/**
 * The documents of a YAML (or JSON, which is YAML) text, read as kubectl reads them: cut at the lines that start with
 * `---` before anything is parsed, so that what is wrong in one document cannot reach into the next, and with its scalars
 * (`kubectlTags`). A key that stands twice in a mapping is an error here; kubectl would take the last one in silence.
 */
export function readYamlDocuments(text: string): YamlDocument[] {
  const documents: YamlDocument[] = [];
  for (const chunk of cutAtSeparators(text)) {
    const number = documents.length + 1;
    const read = readChunk(chunk);
    if (read === 'empty') continue;
    if (number > maxDocuments) throw new TooManyDocuments();
    documents.push({ number, line: chunk.line, ...read });
  }
  return documents;
}

interface Chunk {
  readonly text: string;
  readonly line: number;
}

/** apimachinery pkg/util/yaml/decoder.go, YAMLReader: a separator is a line that starts with `---`, a comment behind it. */
function* cutAtSeparators(text: string): Generator<Chunk> {
  const separator = /^---(.*)(?:\n|$)/gm;
  let start = 0;
  let line = 1;
  for (const match of text.matchAll(separator)) {
    const before = text.slice(start, match.index);
    yield { text: before, line };
    line += countLines(before);
    // What follows on the separator's own line is content, as YAML has it; kubectl refuses it.
    const rest = match[1] ?? '';
    start = match.index + (/^\s*(?:#|$)/.test(rest) ? match[0].length : 3);
    if (start === match.index + match[0].length) line++;
  }
  yield { text: text.slice(start), line };
}

const countLines = (text: string): number => text.split('\n').length - 1;

type Read = { type: 'value'; value: unknown } | { type: 'unreadable'; message: string } | 'empty';

function readChunk({ text, line }: Chunk): Read {
  const lineCounter = new LineCounter();
  const lineOf = (offset: number) => line + Math.max(lineCounter.linePos(offset).line, 1) - 1;
  try {
    const document = parseDocument(text, {
      schema: 'failsafe',
      customTags: [...kubectlTags],
      merge: true,
      resolveKnownTags: false,
      uniqueKeys: false, // quadratic; `repeatedKey` is not
      prettyErrors: false,
      lineCounter,
    });
    const [error] = document.errors;
    if (error !== undefined) return { type: 'unreadable', message: `line ${lineOf(error.pos[0])}: ${textOf(error)}` };
    let repeated: RepeatedKey | undefined;
    visit(document, {
      Map: (_, map) => {
        repeated = repeatedKey(map);
        return repeated === undefined ? undefined : visit.BREAK;
      },
    });
    if (repeated !== undefined) {
      const { key, offset } = repeated;
      return {
        type: 'unreadable',
        message: `line ${lineOf(offset)}: key ${JSON.stringify(key)} stands twice in one mapping`,
      };
    }
    const value: unknown = document.toJS({ maxAliasCount });
    return value === null || value === undefined ? 'empty' : { type: 'value', value };
  } catch (thrown) {
    // Too many aliases, or a merge of what is no mapping.
    return { type: 'unreadable', message: `line ${line}: ${messageOf(thrown)}` };
  }
}

/** The library's own words where they do not fit: they are for its callers, or the engine's. */
function textOf({ code, message }: YAMLParseError): string {
  if (code === 'MULTIPLE_DOCS') return 'another document without a line of --- before it';
  return code === 'RESOURCE_EXHAUSTION' ? 'nested too deeply' : message;
}

interface RepeatedKey {
  readonly key: string;
  readonly offset: number;
}

/** Keys are compared as the text that they become in JSON. */
function repeatedKey(map: YAMLMap): RepeatedKey | undefined {
  const seen = new Set<string>();
  for (const { key } of map.items) {
    if (!isScalar(key) || typeof key.value === 'symbol') continue;
    const text = String(key.value);
    if (seen.has(text)) return { key: text, offset: key.range?.[0] ?? 0 };
    seen.add(text);
  }
  return undefined;
}
