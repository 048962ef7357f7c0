import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PayloadCache } from '../../../../agent/source/payload-cache.ts';
import { sha256 } from '../../../../runtime/sha256.ts';
import { LogLines } from '../../../fakes/log-lines.ts';

const bytes = (value: number, length = 100) => new Uint8Array(length).fill(value);
const digest = (value: number) => sha256(bytes(value));

class Setup implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'kube-bpf-cache-'));
  readonly folder = join(this.root, 'payloads');
  readonly log = new LogLines();
  readonly cache: PayloadCache;

  constructor(maxBytes?: number) {
    this.cache = new PayloadCache(this.folder, this.log.logger, maxBytes);
  }

  /** Written in this order, each a second after the one before. */
  async fill(...values: readonly number[]): Promise<void> {
    for (const [i, value] of values.entries()) {
      await this.cache.write(digest(value), bytes(value));
      utimesSync(join(this.folder, digest(value)), 1000 + i, 1000 + i);
    }
  }

  get values(): number[] {
    const names = readdirSync(this.folder);
    return [1, 2, 3, 4].filter((value) => names.includes(digest(value)));
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true });
  }
}

describe('objects on disk', () => {
  test('come back, also after a restart, to nobody else', async () => {
    using setup = new Setup();
    expect(await setup.cache.read(digest(1))).toBeUndefined();
    await setup.cache.write(digest(1), bytes(1));
    expect(await new PayloadCache(setup.folder, setup.log.logger).read(digest(1))).toEqual(Buffer.from(bytes(1)));
    expect(statSync(setup.folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(setup.folder, digest(1))).mode & 0o777).toBe(0o600);
    expect(setup.log.lines).toEqual([]);
  });

  test.each([
    ['cut short', bytes(1, 99)],
    ['changed', bytes(2)],
    ['empty', bytes(0, 0)],
  ])('that are %s are not what was asked for', async (_what, found) => {
    using setup = new Setup();
    await setup.cache.write(digest(1), bytes(1));
    writeFileSync(join(setup.folder, digest(1)), found);
    expect(await setup.cache.read(digest(1))).toBeUndefined();
    expect(setup.values).toEqual([]);
    expect(setup.log.lines).toMatchObject([{ level: 'warn' }]);
  });

  test('stay while there is room, and not a byte more', async () => {
    using setup = new Setup(300);
    await setup.fill(1, 2, 3);
    expect(setup.values).toEqual([1, 2, 3]);
    await setup.fill(4);
    expect(setup.values).toEqual([2, 3, 4]);
  });

  test('that were read lately stay', async () => {
    using setup = new Setup(300);
    await setup.fill(1, 2, 3);
    await setup.cache.read(digest(1));
    await setup.cache.write(digest(4), bytes(4));
    expect(setup.values).toEqual([1, 3, 4]);
  });

  test('that are wanted stay, however long ago they were read', async () => {
    using setup = new Setup(300);
    await setup.fill(1, 2, 3);
    setup.cache.keep([digest(1), digest(2)]);
    await setup.cache.write(digest(4), bytes(4));
    expect(setup.values).toEqual([1, 2, 4]);
  });

  test('larger than all the room is kept alone', async () => {
    using setup = new Setup(50);
    await setup.fill(1, 2);
    expect(setup.values).toEqual([2]);
  });

  test('of which a crash left half a draft', async () => {
    using setup = new Setup();
    await setup.fill(1);
    writeFileSync(join(setup.folder, `${digest(2)}.new`), bytes(2, 50));
    await setup.cache.write(digest(3), bytes(3));
    expect(readdirSync(setup.folder).toSorted()).toEqual([digest(1), digest(3)].toSorted());
  });

  test('are a convenience: a disk that refuses is logged', async () => {
    using setup = new Setup();
    writeFileSync(setup.folder, 'a file where the folder belongs');
    await setup.cache.write(digest(1), bytes(1));
    expect(await setup.cache.read(digest(1))).toBeUndefined();
    expect(setup.log.lines).toMatchObject([{ level: 'warn' }, { level: 'warn' }]);
  });
});
