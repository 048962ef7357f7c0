import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LastGood } from '../../../../agent/programs/last-good.ts';
import type { WantedProgram } from '../../../../agent/source/source.ts';
import { createLogger } from '../../../../runtime/logger.ts';
import { sha256 } from '../../../../runtime/sha256.ts';

const bytes = Buffer.from('object');
const wish = (name: string, revision = '1'): WantedProgram => ({
  ref: `ns/${name}`,
  namespace: 'ns',
  name,
  uid: `uid-${name}`,
  createdAt: '2026-01-01T00:00:00Z',
  revision,
  payload: { sha256: sha256(bytes), sizeBytes: bytes.length },
  fetch: () => Promise.reject(new Error('not from there')),
});

let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'last-good-')), 'here');
});
afterEach(() => rmSync(join(folder, '..'), { recursive: true }));

const open = () => new LastGood(folder, createLogger({ name: 'test', level: 'silent' }));

describe('the last good revision', () => {
  test('is what was remembered last, with its bytes', async () => {
    open().remember(wish('a', '1'), bytes);
    open().remember(wish('a', '2'), bytes);
    const recalled = open().recall('ns/a');
    expect(recalled).toMatchObject({ ref: 'ns/a', uid: 'uid-a', revision: '2' });
    expect(await recalled?.fetch(AbortSignal.timeout(1000))).toEqual(bytes);
  });

  test('is loaded as it was', () => {
    const template = { globals: { min_us: [1, 'x'] }, programs: [{ firstOf: ['a', 'b'] }] };
    open().remember({ ...wish('a'), template }, bytes);
    expect(open().recall('ns/a')?.template).toEqual(template);
  });

  test('of a BPF that never ran there is none', () => {
    expect(open().recall('ns/a')).toBeUndefined();
  });

  test('whose bytes are not those that were remembered is refused', async () => {
    open().remember(wish('a'), bytes);
    const object = readdirSync(folder).find((file) => file.endsWith('.o'));
    writeFileSync(join(folder, object ?? ''), 'other');
    await expect(open().recall('ns/a')?.fetch(AbortSignal.timeout(1000))).rejects.toThrow('its sha256 is not');
  });

  test.each(['', '{', '{}'])('whose note is %j counts as none', (text) => {
    open().remember(wish('a'), bytes);
    const note = readdirSync(folder).find((file) => file.endsWith('.json'));
    writeFileSync(join(folder, note ?? ''), text);
    expect(open().recall('ns/a')).toBeUndefined();
  });

  test('is forgotten with its BPF', () => {
    for (const name of ['a', 'b']) open().remember(wish(name), bytes);
    open().sweep((ref) => ref === 'ns/b');
    expect(open().recall('ns/a')).toBeUndefined();
    expect(open().recall('ns/b')).toBeDefined();
    expect(readdirSync(folder)).toHaveLength(2);
  });

  test('where the disk says no, nothing is remembered and nothing breaks', () => {
    writeFileSync(folder, 'a file in the place of the folder');
    open().remember(wish('a'), bytes);
    expect(open().recall('ns/a')).toBeUndefined();
    open().sweep(() => false);
  });
});
