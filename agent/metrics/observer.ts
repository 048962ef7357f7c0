/** A BPF as metrics about it name it. */
export interface BpfName {
  readonly namespace: string;
  readonly name: string;
}

/** Hears what a scrape met with; the agent's own metrics are made of it. */
export interface ScrapeObserver {
  /** These maps of a BPF are exported from now on, and no others of it; what is counted about a new BPF starts at zero. */
  bpfAdded(bpf: BpfName, maps: readonly { readonly map: string; readonly maxEntries: number }[]): void;
  bpfRemoved(bpf: BpfName): void;
  mapRead(bpf: BpfName, map: string, entries: number): void;
  /** The map's series are missing in this scrape. */
  mapFailed(bpf: BpfName, map: string, error: unknown): void;
  /** The time or the size of the scrape was spent before this map was written whole: its series are missing. */
  mapCut(bpf: BpfName, map: string): void;
  /**
   * `merged`: keys whose labels read like another key's, so that their numbers went into its series. `dropped`: series
   * beyond the BPF's limit.
   */
  bpfWritten(bpf: BpfName, series: number, merged: number, dropped: number): void;
  /** A scrape of everything. */
  scraped(durationSeconds: number): void;
}
