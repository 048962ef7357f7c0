import type { Host } from '../kernel/host.ts';
import type { WantedProgram } from '../source/source.ts';
import { blamedProgram, explain } from './failure.ts';
import { canSpare, type Loaded, type Refused } from './load.ts';

export interface StartDeps {
  /** Up to verified and in the kernel, without the programs that could not be attached before. */
  readonly load: (wish: WantedProgram, signal: AbortSignal, refused: Refused) => Promise<Loaded>;
  readonly host: Host;
  /** Awaited between a verified load and the swap: a test holds it there. */
  readonly beforeSwap?: (ref: string) => Promise<void>;
}

/**
 * Loads what is wanted and puts it in place by `swap`, which owns the object unless it throws. A program that cannot be
 * attached, and that the manifest lets the rest do without, is left out, and what remains is loaded anew: at most once for
 * each such program, since it is not tried again.
 */
export async function start(
  deps: StartDeps,
  wish: WantedProgram,
  signal: AbortSignal,
  swap: (loaded: Loaded) => void,
): Promise<Loaded> {
  let refused: Refused = new Map();
  for (;;) {
    const loaded = await deps.load(wish, signal, refused);
    using undo = new DisposableStack();
    undo.use(loaded.object);
    await deps.beforeSwap?.(wish.ref);
    try {
      swap(loaded);
      undo.move();
      return loaded;
    } catch (thrown) {
      const program = blamedProgram(thrown);
      if (program === undefined || loaded.refused.has(program) || !canSpare(wish, program)) throw thrown;
      refused = new Map([...loaded.refused, [program, explain(thrown, deps.host)]]);
    }
  }
}
