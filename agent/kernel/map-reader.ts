/** What the metrics side needs of a map in the kernel: its shape, and its bytes in bulk. It owns nothing. */
export interface MapReader {
  /** The map's full name as the object declares it (the kernel keeps only 15 bytes of it). */
  readonly name: string;
  /** BPF_MAP_TYPE_* */
  readonly type: number;
  readonly keySizeBytes: number;
  readonly valueSizeBytes: number;
  /** Bytes that one entry's value takes in a read: the value, or for per-CPU maps round_up(value, 8) × `cpus`. */
  readonly strideBytes: number;
  /** 1, or the number of possible CPUs for a per-CPU map. */
  readonly cpus: number;
  readonly maxEntries: number;
  /**
   * Reads the next entries of a walk that `cursor` remembers, packed: key i at i × keySizeBytes of `keys`, value i at
   * i × strideBytes of `values`. Never destructive. Returns how many entries were read; `cursor.done` tells the end.
   * A key deleted meanwhile is skipped, never an error; a walk is bounded by 2 × maxEntries entries.
   * Throws LibbpfError where the kernel refuses.
   */
  read(cursor: MapCursor, keys: Buffer, values: Buffer, capacity: number): number;
  /**
   * As `read`, beside the event loop where the kernel can do that: for large reads, since the change of threads costs
   * tens of microseconds. Until it settles the buffers and the cursor are not to be touched. The map may be closed meanwhile.
   */
  readAside(cursor: MapCursor, keys: Buffer, values: Buffer, capacity: number): Promise<number>;
  newCursor(): MapCursor;
}

export interface MapCursor {
  readonly done: boolean;
}
