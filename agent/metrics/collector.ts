import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Less than that is not worth the few milliseconds of a collection. */
const worthBytes = 32 << 20;
/** By then a connection that was cut off has let go of what it was sending, and more may have been dropped. */
const delayMs = 1000;

/**
 * Has V8 collect buffers that were dropped. By itself it does not: memory outside its heap makes it look only when it
 * grows beyond what it was after the last look, and an agent that allocates nothing per scrape never gets there. Freeing
 * them by hand (ArrayBuffer.transfer) is no way, since a socket or zlib may still read what is dropped.
 */
export class Collector {
  readonly #collect: () => void;
  #droppedBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(collect: () => void = collectGarbage) {
    this.#collect = collect;
  }

  dropped(sizeBytes: number): void {
    this.#droppedBytes += sizeBytes;
    if (this.#droppedBytes < worthBytes || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#droppedBytes = 0;
      this.#collect();
    }, delayMs).unref();
  }
}

/** A context of its own gets the function that the flag exposes; ours keeps its globals. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as NodeJS.GCFunction)({ type: 'major', execution: 'async' });
}
