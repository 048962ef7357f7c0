import { renameSync, rmSync } from 'node:fs';
import { FolderWatch } from '../../../../agent/source/folder-watch.ts';
import { systemClock } from '../../../../runtime/clock.ts';
import { LogLines } from '../../../fakes/log-lines.ts';
import { ManualClock } from '../../../fakes/manual-clock.ts';
import { ManifestFolderFixture } from '../../../fixtures/manifest-folder.ts';

const never = new AbortController().signal;

describe('watching a folder', () => {
  test.each<[string, (folder: ManifestFolderFixture) => void]>([
    ['written', (folder) => folder.write('a', 'new')],
    ['made', (folder) => folder.write('b', '')],
    ['removed', (folder) => folder.remove('a')],
    ['renamed', (folder) => renameSync(`${folder.path}/a`, `${folder.path}/c`)],
  ])('a file that is %s is seen', async (_what, change) => {
    using folder = new ManifestFolderFixture();
    folder.write('a', '');
    const logger = new LogLines();
    using watch = new FolderWatch(folder.path, systemClock, logger.logger);
    watch.open();
    const startMs = performance.now();
    change(folder);
    await watch.changed(never);
    expect(performance.now() - startMs).toBeLessThan(5_000); // and not by the poll
    expect(logger.lines).toEqual([]);
  });

  test('a change between two calls is not lost', async () => {
    using folder = new ManifestFolderFixture();
    using watch = new FolderWatch(folder.path, systemClock, new LogLines().logger);
    watch.open();
    folder.write('a', '');
    await watch.changed(never);
    folder.write('b', '');
    const startMs = performance.now();
    await watch.changed(never);
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });

  test('another folder of the same name is watched instead', async () => {
    using folder = new ManifestFolderFixture();
    using other = new ManifestFolderFixture();
    using watch = new FolderWatch(folder.path, systemClock, new LogLines().logger);
    watch.open();
    rmSync(folder.path, { recursive: true });
    renameSync(other.path, folder.path);
    await watch.changed(never);
    folder.write('a', '');
    const startMs = performance.now();
    await watch.changed(never);
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });

  test('where nothing can be watched it is looked into regularly, and that is said once', async () => {
    const clock = new ManualClock();
    const logger = new LogLines();
    using watch = new FolderWatch('/nonexistent/manifests', clock, logger.logger);
    for (let round = 0; round < 2; round++) {
      let changed = false;
      const done = watch.changed(never).then(() => {
        changed = true;
      });
      await clock.advance(9_999);
      expect(changed).toBe(false);
      await clock.advance(1);
      expect(changed).toBe(true);
      await done;
    }
    expect(logger.lines).toEqual([expect.objectContaining({ level: 'warn', msg: expect.stringContaining('ENOENT') })]);
    expect(clock.pending).toBe(0);
  });

  test('waiting ends with the signal, and leaves no timer', async () => {
    using folder = new ManifestFolderFixture();
    const clock = new ManualClock();
    using watch = new FolderWatch(folder.path, clock, new LogLines().logger);
    const stop = new AbortController();
    const changed = watch.changed(stop.signal);
    stop.abort(new Error('enough'));
    await expect(changed).rejects.toThrow('enough');
    expect(clock.pending).toBe(0);
    await expect(watch.changed(stop.signal)).rejects.toThrow('enough');
  });
});
