import type { Clock } from '../../../runtime/clock.ts';

interface Ages {
  /** A table is read anew when it is asked for and older than this: names change hands. */
  readonly maxAgeMs: number;
  /** Nor is it read anew for what it has not got before it is so old: that bounds what unknown keys cost. */
  readonly missAgeMs: number;
}

/** A table of the machine's, read as a whole when it is first needed, and again when it may have changed. */
export class Fresh<Table> {
  readonly #read: (before: Table | undefined) => Table;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #ages: Ages;
  #table: Table | undefined;
  #readAtMs = 0;

  /** `read` does not throw; it is given the table that it replaces. */
  constructor(read: (before: Table | undefined) => Table, clock: Pick<Clock, 'monotonic'>, ages: Ages) {
    this.#read = read;
    this.#clock = clock;
    this.#ages = ages;
  }

  /** What `find` gives of the table, if need be of a newer one. */
  find<Value>(find: (table: Table) => Value | undefined): Value | undefined {
    const ageMs = this.#clock.monotonic() - this.#readAtMs;
    if (this.#table === undefined || ageMs >= this.#ages.maxAgeMs) return find(this.#reread());
    const found = find(this.#table);
    return found !== undefined || ageMs < this.#ages.missAgeMs ? found : find(this.#reread());
  }

  #reread(): Table {
    this.#table = this.#read(this.#table);
    this.#readAtMs = this.#clock.monotonic();
    return this.#table;
  }
}
