import type { Clock } from '../../runtime/clock.ts';
import { CodedError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import { type DirectoryContent, type DirectoryProblem, DirectoryReader } from './directory-reader.ts';
import { FolderWatch } from './folder-watch.ts';
import { machineFacts } from './machine-facts.ts';
import type { Source, Wishes } from './source.ts';

export interface DirectorySourceOptions {
  /** A folder of `*.yaml`, `*.yml` and `*.json`; what is below it is not read. */
  readonly dir: string;
  /** Follow changes. Otherwise the folder is read once. */
  readonly watch: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What nodeSelector and affinity see as `kubernetes.io/hostname` and `metadata.name`. */
  readonly nodeName: string;
}

/** There is no folder to read, and nobody waits for one. */
export class FolderUnreadable extends CodedError<'FolderUnreadable', { readonly dir: string }> {}

/** Wishes from a folder of the YAML that one would apply to a cluster. */
export class DirectorySource implements Source {
  readonly #options: DirectorySourceOptions;
  readonly #reader: DirectoryReader;
  #problems: readonly DirectoryProblem[] = [];
  /** Lines that were logged and still hold. */
  #logged: ReadonlyMap<string, 'error' | 'info'> = new Map();

  constructor(options: DirectorySourceOptions) {
    this.#options = options;
    this.#reader = new DirectoryReader(options.dir, machineFacts(options.nodeName));
  }

  /** What in the folder counts for nothing, besides the rejected BPFs of the wishes; as of the last reading. */
  get problems(): readonly DirectoryProblem[] {
    return this.#problems;
  }

  /** Throws FolderUnreadable when it is not to watch and there is no folder. */
  async run(signal: AbortSignal, onChange: (wishes: Wishes) => void): Promise<void> {
    const { dir, clock, logger } = this.#options;
    if (!this.#options.watch) return this.#runOnce(signal, onChange);
    using watch = new FolderWatch(dir, clock, logger);
    watch.open();
    while (!signal.aborted) {
      const content = await this.#reader.read();
      if (content !== undefined) this.#take(content, onChange);
      try {
        await watch.changed(signal);
      } catch (thrown) {
        if (!signal.aborted) throw thrown;
      }
    }
  }

  /** Nobody to tell: the page and the metrics ask the reconciler. */
  report(): void {}

  async flush(): Promise<void> {}

  async #runOnce(signal: AbortSignal, onChange: (wishes: Wishes) => void): Promise<void> {
    const content = await this.#reader.read();
    if (content === undefined || signal.aborted) return;
    const folderProblem = content.problems.find(({ file }) => file === undefined);
    if (folderProblem !== undefined) {
      throw new FolderUnreadable('FolderUnreadable', folderProblem.message, { dir: this.#options.dir });
    }
    this.#take(content, onChange);
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  #take({ wishes, problems, skipped }: DirectoryContent, onChange: (wishes: Wishes) => void): void {
    this.#problems = problems;
    this.#log([
      ...problems.map(({ file, document, message }) => ({
        level: 'error' as const,
        facts: { file, document },
        message,
      })),
      ...wishes.rejected.map(({ ref, reason, message }) => ({
        level: 'error' as const,
        facts: { bpf: ref, reason },
        message,
      })),
      ...skipped.map((what) => ({
        level: 'info' as const,
        facts: {},
        message: `skipped ${what}: neither BPF nor ConfigMap`,
      })),
    ]);
    onChange(wishes);
  }

  /** Each line when it first holds, not at every reading; of an error also when it holds no more. */
  #log(lines: readonly { level: 'error' | 'info'; facts: object; message: string }[]): void {
    for (const { level, facts, message } of lines) {
      if (!this.#logged.has(message)) this.#options.logger[level](facts, message);
    }
    const holding = new Map(lines.map(({ level, message }) => [message, level]));
    for (const [message, level] of this.#logged) {
      if (level === 'error' && !holding.has(message)) this.#options.logger.info(`no longer so: ${message}`);
    }
    this.#logged = holding;
  }
}
