/** A buffer that text is written into, and the view that writes it. */
export interface Page {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** Most metrics have few series: their first page is a small one. */
const smallPageBytes = 4 << 10;
/** Few to hand over when they are sent. What of a page was never written takes no memory. */
export const pageBytes = 256 << 10;
/** Any row has room in so many: `maxLabels` of the longest labels. */
export const maxRowBytes = 64 << 10;

/**
 * Pages that one render fills and the next fills again, so that a scrape allocates nothing: as many as one of the last
 * renders needed. A map that was large once must not cost memory for ever: what no render since the last `trim` needed
 * is left to the garbage collector.
 */
export class PagePool {
  readonly #onDropped: (sizeBytes: number) => void;
  readonly #small: Page[] = [];
  readonly #large: Page[] = [];
  #keep: PageCounts = fewest;
  #needed: PageCounts = fewest;
  #takenBytes = 0;

  /** `onDropped` hears of memory that is left to the garbage collector. */
  constructor(onDropped: (sizeBytes: number) => void = () => {}) {
    this.#onDropped = onDropped;
  }

  /** Of pages that were taken and not given back: of a render under way, and of answers on their way to clients. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  take(small: boolean): Page {
    this.#takenBytes += small ? smallPageBytes : pageBytes;
    return (small ? this.#small : this.#large).pop() ?? newPage(small ? smallPageBytes : pageBytes);
  }

  give(page: Page): void {
    const small = page.bytes.length === smallPageBytes;
    const free = small ? this.#small : this.#large;
    this.#takenBytes -= page.bytes.length;
    if (free.length < (small ? this.#keep.small : this.#keep.large)) free.push(page);
    else this.#onDropped(page.bytes.length);
  }

  /** To be called with what a render filled, before it gives any of it back. */
  note(used: PageCounts): void {
    this.#needed = larger(this.#needed, used);
    this.#keep = larger(this.#keep, used);
  }

  /** To be called once in a number of renders. */
  trim(): void {
    this.#keep = this.#needed;
    this.#needed = fewest;
    const small = this.#small.splice(this.#keep.small).length;
    const large = this.#large.splice(this.#keep.large).length;
    this.#onDropped(small * smallPageBytes + large * pageBytes);
  }
}

export interface PageCounts {
  readonly small: number;
  readonly large: number;
}

const fewest: PageCounts = { small: 4, large: 4 };
const larger = (a: PageCounts, b: PageCounts): PageCounts => ({
  small: Math.max(a.small, b.small),
  large: Math.max(a.large, b.large),
});

/** Text in pages: grows without copying. A row is written through `view` from `at` on, after `reserve` made room for it. */
export class PagedText {
  readonly #pool: PagePool;
  readonly #pages: Page[] = [];
  readonly #fullSizes: number[] = [];
  view: DataView = emptyView;
  at = 0;

  constructor(pool: PagePool) {
    this.#pool = pool;
  }

  /** Makes room for `sizeBytes` (at most `pageBytes`) at `at`; where the page is full, the next one begins. */
  reserve(sizeBytes: number): void {
    if (this.at + sizeBytes <= this.view.byteLength) return;
    if (this.#pages.length > 0) this.#fullSizes.push(this.at);
    const page = this.#pool.take(this.#pages.length === 0 && sizeBytes <= smallPageBytes);
    this.#pages.push(page);
    this.view = page.view;
    this.at = 0;
  }

  /** The text so far, in order. Valid until `release`. */
  chunks(): Buffer[] {
    return this.#pages
      .map((page, i) => page.bytes.subarray(0, this.#fullSizes[i] ?? this.at))
      .filter((c) => c.length > 0);
  }

  get sizeBytes(): number {
    return this.#fullSizes.reduce((sum, size) => sum + size, this.at);
  }

  get pageCounts(): PageCounts {
    const small = this.#pages.filter((page) => page.bytes.length === smallPageBytes).length;
    return { small, large: this.#pages.length - small };
  }

  /** Gives the pages back; the text is gone. */
  release(): void {
    for (const page of this.#pages) this.#pool.give(page);
    this.#pages.length = 0;
    this.#fullSizes.length = 0;
    this.view = emptyView;
    this.at = 0;
  }
}

/** A view of nothing: the first `reserve` replaces it. */
const emptyView = new DataView(new ArrayBuffer(0));

function newPage(sizeBytes: number): Page {
  // Not from Node's shared pool: a page lives as long as the agent.
  const bytes = Buffer.allocUnsafeSlow(sizeBytes);
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, sizeBytes) };
}
