/** Names change hands (interfaces, cgroups, devices): an answer is asked for again after so long at the latest. */
export const keepMs = 30_000;
/** In each of two generations; of a label's values about 250 bytes each. */
export const maxAnswers = 8192;

/**
 * What was answered to whom, in two generations: the young one becomes the old one, and the old one is forgotten, when
 * the young one is full or half of `keepMs` is over.
 */
export class Answers<Question, Answer extends object> {
  readonly #now: () => number;
  #young = new Map<Question, Answer>();
  #old = new Map<Question, Answer>();
  #bornMs: number;

  /** `now` in monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
    this.#bornMs = now();
  }

  get(question: Question): Answer | undefined {
    return this.#young.get(question) ?? this.#old.get(question);
  }

  set(question: Question, answer: Answer): void {
    if (this.#young.size >= maxAnswers) this.#turn();
    this.#young.set(question, answer);
  }

  /** Forgets what is too old. Looks at the clock, which would be too dear for each question. */
  refresh(): void {
    if (this.#now() - this.#bornMs >= keepMs / 2) this.#turn();
  }

  #turn(): void {
    // After a pause longer than a generation, both are too old.
    this.#old = this.#now() - this.#bornMs >= keepMs ? new Map() : this.#young;
    this.#young = new Map();
    this.#bornMs = this.#now();
  }
}
