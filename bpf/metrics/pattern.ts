import { codes, controls, perlClass, posixClasses, type Ranges } from './pattern-classes.ts';

/**
 * A regular expression in RE2's syntax (https://github.com/google/re2/wiki/Syntax), which is what ebpf_exporter's
 * configurations hold, as far as they need it. Not JavaScript's: its engine backtracks, so that a pattern of a dozen
 * characters and an input of thirty could stop an agent for good. What needs backtracking (back references,
 * look-around) is refused, and so is what RE2 has and nobody wrote here (\p, \Q, [[:^alpha:]]).
 */
export type Pattern =
  | { readonly kind: 'empty' }
  | { readonly kind: 'set'; readonly set: CharacterSet }
  | { readonly kind: 'assert'; readonly assert: Assertion }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly Pattern[] }
  | { readonly kind: 'group'; readonly index: number; readonly inner: Pattern }
  | {
      readonly kind: 'repeat';
      readonly inner: Pattern;
      readonly min: number;
      readonly max: number;
      readonly greedy: boolean;
    };

export interface CharacterSet {
  /** Code points, first and last, inclusive. */
  readonly ranges: Ranges;
  readonly negated: boolean;
  /** (?i) */
  readonly fold: boolean;
}

export type Assertion = 'textStart' | 'textEnd' | 'lineStart' | 'lineEnd' | 'word' | 'notWord';

/** Nothing legitimate comes near; it bounds what a parse may cost, its depth included. */
export const maxPatternLength = 256;

/** RE2's own limit. */
const maxRepeat = 1000;

/** What is wrong with a pattern, for the person who wrote it. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}

export interface ParsedPattern {
  readonly root: Pattern;
  /** Capturing groups. */
  readonly groups: number;
}

/** Throws PatternError. */
export function parsePattern(text: string): ParsedPattern {
  if (text.length > maxPatternLength) throw new PatternError(`longer than ${maxPatternLength} characters`);
  return new Parser(text).parse();
}

interface Flags {
  readonly fold: boolean;
  readonly multiline: boolean;
  readonly dotAll: boolean;
  readonly swapGreed: boolean;
}

class Parser {
  readonly #text: readonly string[];
  #at = 0;
  #groups = 0;
  #flags: Flags = { fold: false, multiline: false, dotAll: false, swapGreed: false };

  constructor(text: string) {
    this.#text = [...text];
  }

  parse(): ParsedPattern {
    const root = this.#choice();
    if (this.#at < this.#text.length) throw new PatternError(`an unopened ) at ${this.#at}`);
    return { root, groups: this.#groups };
  }

  #choice(): Pattern {
    const parts = [this.#sequence()];
    while (this.#take('|')) parts.push(this.#sequence());
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : { kind: 'choice', parts };
  }

  #sequence(): Pattern {
    const parts: Pattern[] = [];
    for (;;) {
      const next = this.#text[this.#at];
      if (next === undefined || next === '|' || next === ')') return { kind: 'sequence', parts };
      parts.push(this.#repeated(this.#atom()));
    }
  }

  #repeated(inner: Pattern): Pattern {
    const range = this.#quantifier();
    if (range === undefined) return inner;
    const [min, max] = range;
    const lazy = this.#take('?') !== this.#flags.swapGreed;
    // As in RE2: a quantifier on a quantifier is a mistake, `(?:…)` says it where it is meant.
    if (this.#quantifier() !== undefined) throw new PatternError(`a quantifier on a quantifier at ${this.#at - 1}`);
    return { kind: 'repeat', inner, min, max, greedy: !lazy };
  }

  /** Braces that are no quantifier are text, as in RE2. */
  #quantifier(): readonly [number, number] | undefined {
    if (this.#take('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.#take('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.#take('?')) return [0, 1];
    const [whole, from, comma, to] = /^\{(\d{1,9})(,?)(\d{0,9})\}/.exec(this.#rest()) ?? [];
    if (whole === undefined || (comma === '' && to !== '')) return undefined;
    const min = Number(from);
    const max = comma === '' ? min : to === '' ? Number.POSITIVE_INFINITY : Number(to);
    if (min > maxRepeat || (max > maxRepeat && max !== Number.POSITIVE_INFINITY) || max < min)
      throw new PatternError(`repetition ${whole}: 0 to ${maxRepeat}, the smaller number first`);
    this.#at += whole.length;
    return [min, max];
  }

  #atom(): Pattern {
    const character = this.#next();
    switch (character) {
      case '(':
        return this.#group();
      case '[':
        return this.#class();
      case '.':
        return this.#set(this.#flags.dotAll ? [] : codes('\n\n'), true);
      case '^':
        return { kind: 'assert', assert: this.#flags.multiline ? 'lineStart' : 'textStart' };
      case '$':
        return { kind: 'assert', assert: this.#flags.multiline ? 'lineEnd' : 'textEnd' };
      case '*':
      case '+':
      case '?':
        throw new PatternError(`nothing to repeat at ${this.#at - 1}`);
      case '\\':
        return this.#escape();
      default:
        return this.#literal(character);
    }
  }

  #group(): Pattern {
    const outer = this.#flags;
    let index: number | undefined;
    if (!this.#take('?')) index = ++this.#groups;
    else {
      const [name] = /^P?<\w+>/.exec(this.#rest()) ?? [];
      const [options, on, off = '', end] = /^([imsU]*)(-[imsU]+)?([:)])/.exec(this.#rest()) ?? [];
      if (name !== undefined) {
        index = ++this.#groups;
        this.#at += name.length;
      } else if (options === undefined) {
        throw new PatternError(`(?${this.#text[this.#at] ?? ''}: look-around is not supported`);
      } else {
        this.#at += options.length;
        const has = (flag: string, before: boolean): boolean =>
          off.includes(flag) ? false : on?.includes(flag) === true || before;
        this.#flags = {
          fold: has('i', outer.fold),
          multiline: has('m', outer.multiline),
          dotAll: has('s', outer.dotAll),
          swapGreed: has('U', outer.swapGreed),
        };
        // Without a body they hold until the group around ends.
        if (end === ')') return { kind: 'empty' };
      }
    }
    const inner = this.#choice();
    if (!this.#take(')')) throw new PatternError('a ( that is not closed');
    this.#flags = outer;
    return index === undefined ? inner : { kind: 'group', index, inner };
  }

  #escape(): Pattern {
    const character = this.#next();
    switch (character) {
      case 'A':
        return { kind: 'assert', assert: 'textStart' };
      case 'z':
        return { kind: 'assert', assert: 'textEnd' };
      case 'b':
        return { kind: 'assert', assert: 'word' };
      case 'B':
        return { kind: 'assert', assert: 'notWord' };
    }
    const ranges = perlClass(character);
    return ranges === undefined ? this.#literal(this.#escaped(character)) : this.#set(ranges, false);
  }

  /** What `\` and this character stand for, as a character. */
  #escaped(character: string): string {
    const control = controls.get(character);
    if (control !== undefined) return String.fromCodePoint(control);
    if (character === 'x') {
      const [whole, short, long] = /^(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})/.exec(this.#rest()) ?? [];
      const code = Number.parseInt(short ?? long ?? '', 16);
      if (whole === undefined || !(code <= 0x10ffff)) throw new PatternError('\\x without a code point');
      this.#at += whole.length;
      return String.fromCodePoint(code);
    }
    if (/^[0-9A-Za-z]$/.test(character)) throw new PatternError(`\\${character} is not supported`);
    return character;
  }

  #class(): Pattern {
    const negated = this.#take('^');
    const ranges: (readonly [number, number])[] = [];
    for (let first = true; first || !this.#take(']'); first = false) {
      const [posix, name = ''] = /^\[:(\w+):\]/.exec(this.#rest()) ?? [];
      if (posix !== undefined) {
        const known = posixClasses.get(name);
        if (known === undefined) throw new PatternError(`${posix} is not supported`);
        ranges.push(...known);
        this.#at += posix.length;
        continue;
      }
      const low = this.#classItem();
      if (typeof low !== 'number') {
        ranges.push(...low);
        continue;
      }
      const isRange = this.#text[this.#at] === '-' && this.#text[this.#at + 1] !== ']';
      if (isRange) this.#at++;
      const high = isRange ? this.#classItem() : low;
      if (typeof high !== 'number' || high < low) throw new PatternError('a range in [] that is none');
      ranges.push([low, high]);
    }
    return this.#set(ranges, negated);
  }

  #classItem(): number | Ranges {
    const character = this.#next();
    if (character !== '\\') return codePoint(character);
    const escaped = this.#next();
    return perlClass(escaped) ?? codePoint(this.#escaped(escaped));
  }

  #literal(character: string): Pattern {
    const code = codePoint(character);
    return this.#set([[code, code]], false);
  }

  #set(ranges: Ranges, negated: boolean): Pattern {
    return { kind: 'set', set: { ranges, negated, fold: this.#flags.fold } };
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #next(): string {
    const character = this.#text[this.#at++];
    if (character === undefined) throw new PatternError('it ends too early');
    return character;
  }

  #rest(): string {
    return this.#text.slice(this.#at).join('');
  }
}

const codePoint = (character: string): number => character.codePointAt(0) ?? 0;
