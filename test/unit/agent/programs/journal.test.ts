import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Journal } from '../../../../agent/programs/journal.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'journal-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = (boot = 'boot1', version = '0.1.0'): Journal => new Journal(folder, boot, version);

/** The agent dies in a load: what is on disk at that moment is what the next one finds. */
async function dieIn(journal: Journal, revision: string): Promise<void> {
  const path = join(folder, 'journal.json');
  let during = '';
  await journal.during(revision, async () => {
    during = readFileSync(path, 'utf8');
  });
  writeFileSync(path, during);
}

describe('journal', () => {
  test('one crash is tried again, two in a row are not', async () => {
    await dieIn(open(), 'a/b@1');
    expect(open().quarantined('a/b@1')).toBe(0);
    await dieIn(open(), 'a/b@1');
    expect(open().quarantined('a/b@1')).toBe(2);
    expect(open().quarantined('a/b@2')).toBe(0);
  });

  test('a load that ends, however, is no crash and clears what was counted', async () => {
    await dieIn(open(), 'a/b@1');
    const journal = open();
    await expect(journal.during('a/b@1', () => Promise.reject(new Error('verifier')))).rejects.toThrow('verifier');
    await dieIn(open(), 'a/b@1');
    expect(open().quarantined('a/b@1')).toBe(0);
  });

  test.each([
    ['another boot', 'boot2', '0.1.0'],
    ['another agent version', 'boot1', '0.1.1'],
  ])('%s starts afresh', async (_, boot, version) => {
    await dieIn(open(), 'a/b@1');
    await dieIn(open(), 'a/b@1');
    expect(open(boot, version).quarantined('a/b@1')).toBe(0);
  });

  test.each(['', '{', '{"bootId":1}', 'null'])('a journal of %j counts as empty', (text) => {
    writeFileSync(join(folder, 'journal.json'), text);
    expect(open().quarantined('a/b@1')).toBe(0);
  });

  test('a note that cannot be written stops the load before it begins, and says what to do', async () => {
    const journal = open();
    mkdirSync(join(folder, 'journal.json.new'));
    let loaded = false;
    const load = journal.during('a/b@1', async () => {
      loaded = true;
    });
    await expect(load).rejects.toMatchObject({
      code: 'JournalUnwritable',
      message: expect.stringMatching(/^write .*journal\.json: EISDIR.*--state-dir/),
    });
    expect(loaded).toBe(false);
  });
});
