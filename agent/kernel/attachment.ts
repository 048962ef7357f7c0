import type { LoadedProgram } from './kernel-object.ts';

/** A program in its place in the kernel. Disposing takes it out; so does the death of this process, since nothing is pinned. */
export interface Attachment extends Disposable {
  readonly program: string;
  /**
   * Names the place, if another program may take it over there without a gap or a double count (`replace`): same hook,
   * same kind. Undefined where the kernel cannot swap.
   */
  readonly slot: string | undefined;
  /** Swaps in a program of the same slot. On a throw the one before is still in place. */
  replace(next: LoadedProgram): void;
}
