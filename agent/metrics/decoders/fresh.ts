import type { Clock } from '../../../runtime/clock.ts';

/** Where a decoder has names from. They are read in the background, never while something is decoded. */
export interface NameSource {
  /**
   * Undefined: what is here will do. Else it resolves once it is read anew: since it never was, is too old, or was asked
   * what it has no answer to. Does not reject.
   */
  prepare(): Promise<void> | undefined;
  /** Grows with each question that has no answer before the next `prepare`: what was given for one is not to be shown. */
  readonly misses: number;
}

interface FreshOptions<Table> {
  /** Reads the table, in pieces between which others run; given the one that it replaces. Does not reject. */
  readonly read: (before: Table | undefined) => Promise<Table>;
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  /** A table that is older is read anew before it is used: names change hands, and come to what had none. */
  readonly maxAgeMs: number;
}

/** Questions without an answer that are remembered; with more of them, further ones are not looked for. */
export const maxAbsent = 65_536;
/** So long is remembered that there was no answer, since it was last asked for. */
const forgetMs = 600_000;
/** Between two readings is ten times as long as one takes, so that ever new questions cannot take up the machine. */
const restFactor = 10;
const maxRestMs = 1000;

/** A table of the machine's: read as a whole when it is first needed, and again when it may have changed. */
export class Fresh<Question, Table> implements NameSource {
  readonly #options: FreshOptions<Table>;
  #table: Table | undefined;
  #reading: Promise<void> | undefined;
  #readAtMs = 0;
  #nextReadMs = 0;
  /** Since the last reading began. */
  #asked = new Set<Question>();
  /** What a reading that began later did not find either, and when it was last asked for. */
  readonly #absent = new Map<Question, number>();
  #misses = 0;

  constructor(options: FreshOptions<Table>) {
    this.#options = options;
  }

  get misses(): number {
    return this.#misses;
  }

  /** What `find` gives of the table. Undefined is an answer only where `misses` has not grown by it. */
  find<Value>(question: Question, find: (table: Table) => Value | undefined): Value | undefined {
    const found = this.#table === undefined ? undefined : find(this.#table);
    if (found !== undefined || this.#isAbsent(question)) return found;
    this.#misses++;
    this.#asked.add(question);
    return undefined;
  }

  prepare(): Promise<void> | undefined {
    return this.#reading === undefined && this.#isFresh ? undefined : this.#renew();
  }

  async #renew(): Promise<void> {
    // One that is under way may have begun before something was asked.
    await this.#reading;
    if (this.#reading === undefined && !this.#isFresh) {
      this.#reading = this.#read().finally(() => {
        this.#reading = undefined;
      });
    }
    await this.#reading;
  }

  async #read(): Promise<void> {
    const { clock, read } = this.#options;
    const restMs = this.#nextReadMs - clock.monotonic();
    if (restMs > 0) await clock.sleep(restMs);
    const answered = this.#asked;
    this.#asked = new Set();
    const startMs = clock.monotonic();
    this.#table = await read(this.#table);
    const endMs = clock.monotonic();
    this.#readAtMs = startMs;
    this.#nextReadMs = endMs + Math.min(maxRestMs, (endMs - startMs) * restFactor);
    for (const [question, askedMs] of this.#absent) {
      if (endMs - askedMs >= forgetMs) this.#absent.delete(question);
    }
    // Those that were found are among them, and are found from now on.
    for (const question of answered) if (this.#absent.size < maxAbsent) this.#absent.set(question, endMs);
  }

  get #isFresh(): boolean {
    const { clock, maxAgeMs } = this.#options;
    return this.#table !== undefined && this.#asked.size === 0 && clock.monotonic() - this.#readAtMs < maxAgeMs;
  }

  #isAbsent(question: Question): boolean {
    if (this.#absent.has(question)) {
      this.#absent.set(question, this.#options.clock.monotonic());
      return true;
    }
    return this.#table !== undefined && this.#absent.size + this.#asked.size >= maxAbsent;
  }
}
