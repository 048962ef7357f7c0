import { type FSWatcher, statSync, watch } from 'node:fs';
import { abortable } from '../../runtime/cancel.ts';
import type { Clock } from '../../runtime/clock.ts';
import { messageOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logger.ts';

/** An editor, or `kubectl`'s atomic writer, touches several names for one change: wait until it has been quiet so long. */
const quietMs = 100;
/** A file that is written to all the time is looked at all the same. */
const maxDelayMs = 1_000;
/** Without any event: network file systems send none, and neither does the target of a symlink to somewhere else. */
const pollMs = 10_000;

/** Tells when it is time to look into a folder again. */
export class FolderWatch implements Disposable {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #watcher: FSWatcher | undefined;
  /** Device and inode of the folder that is watched: another may take its name. */
  #watched: string | undefined;
  #refusal: string | undefined;
  #events = 0;
  #seen = 0;
  #wake = Promise.withResolvers<void>();

  constructor(path: string, clock: Clock, logger: Logger) {
    this.#path = path;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** To be called before the folder is read: whatever changes from here on ends `changed`. */
  open(): void {
    try {
      const { dev, ino } = statSync(this.#path);
      const folder = `${dev}:${ino}`;
      if (folder === this.#watched) return;
      this[Symbol.dispose]();
      this.#watcher = watch(this.#path, { persistent: false }, () => this.#event());
      this.#watcher.on('error', (error) => this.#fail(error));
      this.#watched = folder;
      this.#refusal = undefined;
      this.#event(); // nobody has seen what happened there before
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  /** Resolves a moment after something has changed in the folder, at the latest when it is time to look anyway. */
  async changed(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.open();
    if (this.#events === this.#seen) await this.#eventOrPoll(signal);
    const endMs = this.#clock.monotonic() + maxDelayMs;
    while (this.#events !== this.#seen && this.#clock.monotonic() < endMs) {
      this.#seen = this.#events;
      await this.#clock.sleep(quietMs, signal);
    }
    this.#seen = this.#events;
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#watched = undefined;
  }

  async #eventOrPoll(signal: AbortSignal): Promise<void> {
    this.#wake = Promise.withResolvers();
    using _poll = this.#clock.timer(pollMs, () => this.#wake.resolve());
    await abortable(this.#wake.promise, signal);
  }

  #event(): void {
    this.#events++;
    this.#wake.resolve();
  }

  /** For one, no inotify watches left. The poll still sees changes; said once. */
  #fail(thrown: unknown): void {
    this[Symbol.dispose]();
    const refusal = messageOf(thrown);
    if (refusal === this.#refusal) return;
    this.#refusal = refusal;
    this.#logger.warn(
      { everyMs: pollMs },
      `watch folder ${this.#path}: ${refusal} [looking into it regularly instead]`,
    );
  }
}
