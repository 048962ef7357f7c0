import type { PagedText } from './pages.ts';
import { type Rendering, SharedPages } from './rendering.ts';

/** What a render made: chunks that lie in the pages of `texts`, or stand by themselves. */
export interface Draft {
  readonly texts: readonly PagedText[];
  readonly chunks: readonly Buffer[];
}

/** Who asks for a render. Its signal may be dear: it is asked for only where it can matter. */
export interface Caller {
  readonly signal: AbortSignal;
}

interface Running {
  readonly controller: AbortController;
  /** Who still waits for it; when the last one goes away, it ends. */
  waiters: number;
  readonly done: Promise<{ readonly pages: SharedPages; readonly chunks: readonly Buffer[] }>;
}

/**
 * One render at a time, since all use the same buffers; and whoever asks for what is being rendered already gets that,
 * so that ten scrapers at once cost as much as one.
 */
export class RenderSharing {
  readonly #running = new Map<string, Running>();
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Rejects with the reason of the caller's signal when that aborts before the render is done, or with what `render`
   * rejects with. Dispose of the result.
   */
  async join(key: string, caller: Caller, render: (signal: AbortSignal) => Promise<Draft>): Promise<Rendering> {
    const known = this.#running.get(key);
    const running = known === undefined || known.controller.signal.aborted ? this.#start(key, render) : known;
    running.waiters++;
    // A small render is done within this turn of the event loop, in which nobody goes away: it needs nobody's signal.
    const small = await Promise.race([running.done, promisesSettled()]);
    if (small !== undefined) return small.pages.lease(small.chunks);
    const { signal } = caller;
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => {
      running.waiters--;
      if (running.waiters === 0) running.controller.abort(signal.reason);
      reject(signal.reason);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    try {
      const { pages, chunks } = await Promise.race([running.done, aborted]);
      return pages.lease(chunks);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #start(key: string, render: (signal: AbortSignal) => Promise<Draft>): Running {
    const controller = new AbortController();
    const turn = this.#last.then(async () => {
      controller.signal.throwIfAborted();
      return render(controller.signal);
    });
    const leave = (): void => {
      if (this.#running.get(key) === running) this.#running.delete(key);
    };
    const running: Running = {
      controller,
      waiters: 0,
      done: turn.then(
        ({ texts, chunks }) => {
          // From here on nobody joins, so that the leases are as many as those who wait now.
          leave();
          return { pages: new SharedPages(texts, running.waiters), chunks };
        },
        (error: unknown) => {
          leave();
          throw error;
        },
      ),
    };
    this.#running.set(key, running);
    // The next one's turn comes whether this one ends well or not; who waits for this one hears of it.
    this.#last = turn.catch(() => undefined);
    return running;
  }
}

/** Resolves when no promise job is left that could run now. */
async function promisesSettled(): Promise<undefined> {
  await undefined; // ticks that are asked for outside of a promise job come before all of these
  return new Promise((resolve) => process.nextTick(resolve));
}
