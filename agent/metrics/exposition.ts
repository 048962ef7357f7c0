import { performance } from 'node:perf_hooks';
import { Collector } from './collector.ts';
import { Digits } from './digits.ts';
import { byName, compare, type Families, type MetricConflict, settleFamilies } from './families.ts';
import { Merger } from './merge.ts';
import type { ScrapeObserver } from './observer.ts';
import { Pacer } from './pacer.ts';
import { PagePool } from './pages.ts';
import { Batch } from './read-map.ts';
import {
  type ExportedBpf,
  maxExpositionBytes,
  type ReadyBpf,
  readyBpf,
  renderMaps,
  type Segment,
} from './render-maps.ts';
import type { RenderTools } from './render-table.ts';
import type { Rendering } from './rendering.ts';
import { ScrapeRefused } from './scrape-refused.ts';
import { SeriesBook } from './series-book.ts';
import { type Caller, type Draft, RenderSharing } from './sharing.ts';
import type { LayoutTools } from './table-layout.ts';
import { helpText } from './text.ts';
import { newScratch } from './write-rows.ts';

export interface ExporterOptions {
  /** The label `node` of every series. */
  readonly node: string;
  readonly observer: ScrapeObserver;
  /** The agent's own metrics as exposition text, for the end of it. */
  readonly ownText: () => Promise<string>;
  readonly decoders: LayoutTools['decoders'];
  /** What `limited` says of some BPF has changed. */
  readonly onLimited?: () => void;
  /** Of answers that clients have not taken yet; beyond it none is rendered. */
  readonly maxUntakenBytes?: number;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

export interface RenderOptions {
  /** Only the BPF with this `namespace/name`, without the agent's own metrics. */
  readonly ref?: string;
  /** Only the agent's own metrics. */
  readonly own?: 'only';
  /** What is not written after so many milliseconds is left out and counted. */
  readonly budgetMs: number;
}

/**
 * The BPFs of this node and their exposition (Prometheus text format 0.0.4). Families come in order of name, each
 * written once, whoever has series in it; series in order of namespace and name, then as their map was walked.
 */
export class Exporter {
  readonly #options: ExporterOptions;
  readonly #now: () => number;
  readonly #tools: RenderTools & LayoutTools;
  readonly #observer: ScrapeObserver;
  readonly #collector = new Collector();
  readonly #pool = new PagePool((sizeBytes) => this.#collector.dropped(sizeBytes));
  readonly #sharing = new RenderSharing();
  /** The agent's own metrics need none of the buffers, so they wait for no map. */
  readonly #ownSharing = new RenderSharing();
  readonly #bpfs = new Map<string, ExportedBpf>();
  /** What is remembered from one render to the next, of BPFs whose plan limits their series. */
  readonly #books = new WeakMap<ExportedBpf, SeriesBook>();
  #renders = 0;
  /** Of `#bpfs` as it is now; undefined after a change, until somebody asks. */
  #settled: Settled | undefined;

  constructor(options: ExporterOptions) {
    this.#options = options;
    this.#observer = this.#observing(options.observer);
    this.#now = options.now ?? (() => performance.now());
    this.#tools = {
      digits: new Digits(),
      merger: new Merger(),
      scratch: newScratch(),
      batch: new Batch(),
      decoders: options.decoders,
      now: this.#now,
    };
  }

  /** Exports a BPF's maps from the next render on; in place of what went by this `ref` before. */
  add(bpf: ExportedBpf): void {
    this.#bpfs.set(bpf.ref, bpf);
    this.#settled = undefined;
    const { maxSeries, expireAfterMs } = bpf.plan;
    if (maxSeries !== undefined || expireAfterMs !== undefined) this.#books.set(bpf, new SeriesBook(bpf.plan));
    const maps = new Set(bpf.plan.tables.map((table) => table.map));
    this.#options.observer.bpfAdded(
      bpf,
      Array.from(maps, (map) => ({ map, maxEntries: bpf.maps.get(map)?.maxEntries ?? 0 })),
    );
  }

  /** Its maps may be closed as soon as this returns, whether or not a render is under way. */
  remove(ref: string): void {
    const bpf = this.#bpfs.get(ref);
    if (bpf === undefined) return;
    this.#bpfs.delete(ref);
    this.#settled = undefined;
    this.#options.observer.bpfRemoved(bpf);
  }

  has(ref: string): boolean {
    return this.#bpfs.has(ref);
  }

  /** The families that this BPF would export but another keeps: its `MetricConflict`. */
  conflicts(ref: string): readonly MetricConflict[] {
    return this.#settle().families.conflicts.filter((conflict) => conflict.ref === ref);
  }

  /** How many series this BPF may have, where its last render left out what was beyond: its `SeriesLimited`. */
  limited(ref: string): number | undefined {
    const bpf = this.#bpfs.get(ref);
    return bpf && this.#books.get(bpf)?.limited;
  }

  /**
   * Renders, or shares the render of the same that is under way, if that has the same budget: who can wait must not get
   * what was cut for somebody who could not. Rejects with the reason of the caller's signal when that aborts before it is
   * done, or with a ScrapeRefused when its turn comes too late or finds too little memory. Dispose of the result once its
   * bytes are on their way.
   */
  render(caller: Caller, options: RenderOptions): Promise<Rendering> {
    const { own, ref, budgetMs } = options;
    if (own === 'only') return this.#ownSharing.join('own', caller, () => this.#withOwn({ texts: [], chunks: [] }));
    const deadline = this.#now() + budgetMs;
    const key = `${ref === undefined ? 'all' : `ref ${ref}`} within ${budgetMs}`;
    return this.#sharing.join(key, caller, async (shared) => {
      if (this.#now() >= deadline) throw new ScrapeRefused('time');
      if (this.#pool.takenBytes > (this.#options.maxUntakenBytes ?? maxUntakenBytes)) throw new ScrapeRefused('memory');
      const pacer = new Pacer(shared, this.#now, deadline);
      if (ref !== undefined) return this.#renderBpfs(pacer, ref);
      const start = this.#now();
      const draft = await this.#renderBpfs(pacer, undefined);
      this.#options.observer.scraped((this.#now() - start) / 1000);
      return this.#withOwn(draft);
    });
  }

  async #renderBpfs(pacer: Pacer, ref: string | undefined): Promise<Draft> {
    for (let attempt = 1; ; attempt++) {
      const { heads, ready } = this.#settle();
      const wanted = ref === undefined ? ready : ready.filter(({ bpf }) => bpf.ref === ref);
      const limits = wanted.map(({ book }) => book?.limited);
      const { segments, failed } = await renderMaps(wanted, this.#pool, this.#tools, this.#observer, pacer);
      this.#keepMemory(segments);
      if (wanted.some(({ book }, i) => book?.limited !== limits[i])) this.#options.onLimited?.();
      // A BPF that was replaced under our hands has new maps by now; a scrape without it would be a gap in its graph.
      const replaced = failed.size > 0 && Array.from(failed).some((bpf) => this.#isReplaced(bpf));
      if (!replaced || attempt === maxAttempts) return assemble(segments, heads);
      for (const { text } of segments) text.release();
    }
  }

  #isReplaced(bpf: ExportedBpf): boolean {
    const now = this.#bpfs.get(bpf.ref);
    return now !== undefined && now !== bpf;
  }

  /** What is heard of a BPF that was removed meanwhile is not its failure, and no metric about it must come back. */
  #observing(observer: ScrapeObserver): ScrapeObserver {
    const current = (bpf: { namespace: string; name: string }): boolean =>
      this.#bpfs.get(`${bpf.namespace}/${bpf.name}`) === bpf;
    return {
      bpfAdded: (bpf, maps) => observer.bpfAdded(bpf, maps),
      bpfRemoved: (bpf) => observer.bpfRemoved(bpf),
      mapRead: (bpf, map, entries) => current(bpf) && observer.mapRead(bpf, map, entries),
      mapFailed: (bpf, map, error) => current(bpf) && observer.mapFailed(bpf, map, error),
      mapCut: (bpf, map) => current(bpf) && observer.mapCut(bpf, map),
      bpfWritten: (bpf, series, merged, dropped) => current(bpf) && observer.bpfWritten(bpf, series, merged, dropped),
      scraped: (durationSeconds) => observer.scraped(durationSeconds),
    };
  }

  async #withOwn({ texts, chunks }: Draft): Promise<Draft> {
    return { texts, chunks: [...chunks, Buffer.from(await this.#options.ownText())] };
  }

  /** Lets go of memory that none of the last renders needed. */
  #keepMemory(segments: readonly Segment[]): void {
    const counts = segments.map(({ text }) => text.pageCounts);
    this.#pool.note({
      small: counts.reduce((sum, { small }) => sum + small, 0),
      large: counts.reduce((sum, { large }) => sum + large, 0),
    });
    if (++this.#renders % rendersPerTrim !== 0) return;
    this.#pool.trim();
    this.#tools.merger.trim();
  }

  #settle(): Settled {
    if (this.#settled !== undefined) return this.#settled;
    const families = settleFamilies(this.#bpfs.values());
    const ready = Array.from(this.#bpfs.values())
      .toSorted(byName)
      .map((bpf) => readyBpf(bpf, families.byName, this.#options.node, this.#books.get(bpf), this.#tools));
    this.#settled = { families, heads: headsOf(families), ready };
    return this.#settled;
  }
}

/**
 * Pages of answers that clients have not taken yet, when a render begins: room for the largest answer, with pages that
 * are not full. That render may write as much again, so the pages of all answers together are about half a gigabyte.
 */
const maxUntakenBytes = maxExpositionBytes + (32 << 20);

/** Some minutes of what one or two Prometheus ask for. */
const rendersPerTrim = 16;

/** What the BPFs come to together. */
interface Settled {
  readonly families: Families;
  readonly heads: ReadonlyMap<string, Buffer>;
  readonly ready: readonly ReadyBpf[];
}

/** A BPF replaced again while its replacement is read is missing from one scrape. */
const maxAttempts = 2;

/** Families in order of name, HELP and TYPE once for each that has series. */
function assemble(segments: readonly Segment[], heads: ReadonlyMap<string, Buffer>): Draft {
  const chunks: Buffer[] = [];
  let written: string | undefined;
  // The order of segments within a family stays as it is.
  for (const { family, text } of segments.toSorted((a, b) => compare(a.family, b.family))) {
    const head = heads.get(family);
    const lines = text.chunks();
    if (lines.length === 0 || head === undefined) continue;
    if (family !== written) chunks.push(head);
    chunks.push(...lines);
    written = family;
  }
  return { texts: segments.map(({ text }) => text), chunks };
}

/** HELP and TYPE of each family. */
function headsOf({ byName }: Families): ReadonlyMap<string, Buffer> {
  return new Map(
    Array.from(byName, ([name, { type, help }]) => [
      name,
      Buffer.from(`# HELP ${name} ${helpText(help)}\n# TYPE ${name} ${type}\n`),
    ]),
  );
}
