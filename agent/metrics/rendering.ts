import type { PagedText } from './pages.ts';

/**
 * An exposition: its bytes in order. Several readers may share it; each disposes of its own lease when the bytes are on
 * their way, and after the last one the pages are written anew, so the chunks must not be touched any more.
 */
export interface Rendering extends Disposable {
  readonly chunks: readonly Buffer[];
  readonly sizeBytes: number;
}

/** The pages behind a rendering, and who still reads them. */
export class SharedPages {
  readonly #texts: readonly PagedText[];
  #leases: number;

  constructor(texts: readonly PagedText[], leases: number) {
    this.#texts = texts;
    this.#leases = leases;
    if (leases === 0) this.#release();
  }

  /** A lease: disposing twice counts once. */
  lease(chunks: readonly Buffer[]): Rendering {
    let open = true;
    return {
      chunks,
      sizeBytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
      [Symbol.dispose]: () => {
        if (!open) return;
        open = false;
        if (--this.#leases === 0) this.#release();
      },
    };
  }

  #release(): void {
    for (const text of this.#texts) text.release();
  }
}
