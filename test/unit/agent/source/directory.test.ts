import { stringify } from 'yaml';
import { DirectorySource, FolderUnreadable } from '../../../../agent/source/directory.ts';
import type { Wishes } from '../../../../agent/source/source.ts';
import { systemClock } from '../../../../runtime/clock.ts';
import { LogLines } from '../../../fakes/log-lines.ts';
import { minimalElf } from '../../../fixtures/elf-builder.ts';
import { ManifestFolderFixture } from '../../../fixtures/manifest-folder.ts';

const manifests = (name: string) =>
  [
    {
      apiVersion: 'bpf.sh/v1alpha1',
      kind: 'BPF',
      metadata: { name },
      spec: { program: { valueFrom: { configMapKeyRef: { name, key: 'x.o' } } } },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name },
      binaryData: { 'x.o': Buffer.from(minimalElf()).toString('base64') },
    },
  ]
    .map((document) => stringify(document))
    .join('---\n');

/** A source at work, and what it says, one after the other. */
class Running implements AsyncDisposable {
  readonly log = new LogLines();
  readonly source: DirectorySource;
  readonly ended: Promise<void>;
  readonly #stop = new AbortController();
  readonly #said: Wishes[] = [];
  #more = Promise.withResolvers<void>();

  constructor(dir: string, watch: boolean) {
    this.source = new DirectorySource({ dir, watch, clock: systemClock, logger: this.log.logger, nodeName: 'n1' });
    this.ended = this.source.run(this.#stop.signal, (wishes) => {
      this.#said.push(wishes);
      this.#more.resolve();
    });
  }

  async next(): Promise<readonly string[]> {
    while (this.#said.length === 0) {
      await Promise.race([this.#more.promise, this.ended]);
      this.#more = Promise.withResolvers();
    }
    return this.#said.shift()?.wanted.map(({ ref }) => ref) ?? [];
  }

  get unheard(): number {
    return this.#said.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.ended;
  }
}

describe('a folder that is watched', () => {
  test('says what is wanted at the start and after each change, until it is stopped', async () => {
    using folder = new ManifestFolderFixture();
    folder.write('a.yaml', manifests('a'));
    await using running = new Running(folder.path, true);
    expect(await running.next()).toEqual(['default/a']);
    folder.write('b.yaml', manifests('b'));
    expect(await running.next()).toEqual(['default/a', 'default/b']);
    folder.remove('a.yaml');
    expect(await running.next()).toEqual(['default/b']);
  });

  test('says at the start that there is nothing', async () => {
    using folder = new ManifestFolderFixture();
    await using running = new Running(folder.path, true);
    expect(await running.next()).toEqual([]);
  });

  test('logs each problem once while it lasts, and shows it', async () => {
    using folder = new ManifestFolderFixture();
    folder.write('bad.yaml', 'a: [');
    await using running = new Running(folder.path, true);
    await running.next();
    folder.write('a.yaml', `${manifests('a')}---\napiVersion: v1\nkind: Service\n`);
    await running.next();
    expect(running.source.problems).toEqual([
      { file: 'bad.yaml', document: 1, message: expect.stringMatching(/^read bad\.yaml, document 1: line 1: /) },
    ]);
    expect(running.log.lines.map(({ level, file, msg }) => [level, file, String(msg).slice(0, 24)])).toEqual([
      ['error', 'bad.yaml', 'read bad.yaml, document '],
      ['info', undefined, 'skipped a.yaml: v1 Servi'],
    ]);
    folder.write('bad.yaml', manifests('b'));
    await running.next();
    expect(running.source.problems).toEqual([]);
    expect(running.log.lines.at(-1)).toMatchObject({
      level: 'info',
      msg: expect.stringMatching(/^no longer so: read bad\.yaml, document 1/),
    });
  });

  test('logs a rejected BPF with its reason', async () => {
    using folder = new ManifestFolderFixture();
    folder.write('a.yaml', manifests('a').replace('x.o:', 'y.o:'));
    await using running = new Running(folder.path, true);
    await running.next();
    expect(running.log.lines).toMatchObject([{ level: 'error', bpf: 'default/a', reason: 'KeyNotFound' }]);
  });

  test('waits for a folder that is not there', async () => {
    await using running = new Running('/nonexistent/manifests', true);
    expect(await running.next()).toEqual([]);
    expect(running.source.problems).toMatchObject([{ message: expect.stringContaining('ENOENT') }]);
  });
});

describe('a folder that is read once', () => {
  test('is not read again, and the source runs until it is stopped', async () => {
    using folder = new ManifestFolderFixture();
    folder.write('a.yaml', manifests('a'));
    {
      await using running = new Running(folder.path, false);
      expect(await running.next()).toEqual(['default/a']);
      expect(running.unheard).toBe(0);
    }
  });

  test('must be there', async () => {
    const running = new Running('/nonexistent/manifests', false);
    await expect(running.ended).rejects.toBeInstanceOf(FolderUnreadable);
    await expect(running.ended).rejects.toThrow(/^read folder \/nonexistent\/manifests: ENOENT/);
  });
});
