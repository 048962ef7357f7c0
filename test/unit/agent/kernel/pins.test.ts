import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pins } from '../../../../agent/kernel/pins.ts';

let root: string;
let pins: Pins;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pins-'));
  pins = new Pins(root, 'test');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A file stands for a pin: to the file system it is one. */
function pin(uid: string, map: string, layout = 'u32'): string {
  const path = pins.pathFor(uid, map, layout);
  writeFileSync(path, '');
  return path;
}

describe('pins', () => {
  test('a place is the same after every start, and another for another map, layout or BPF', () => {
    const path = pins.pathFor('uid', 'packets', 'u32');
    expect(path).toMatch(/\/test\/uid\/packets-[0-9a-f]{16}$/);
    expect(new Pins(root, 'test').pathFor('uid', 'packets', 'u32')).toBe(path);
    const long = 'a'.repeat(300);
    const others = [
      pins.pathFor('uid', 'packets', 'u64'),
      pins.pathFor('uid', 'bytes', 'u32'),
      pins.pathFor('other', 'packets', 'u32'),
      // Names that come out alike.
      ...['a.b', 'a:b', 'a_b', `${long}1`, `${long}2`].map((map) => pins.pathFor('uid', map, 'u32')),
    ];
    expect(new Set([path, ...others]).size).toBe(9);
    for (const other of others) expect(other.split('/').at(-1)).toMatch(/^[a-zA-Z0-9_]{1,200}-[0-9a-f]{16}$/);
  });

  test('remove leaves what is to be kept, and without that nothing', () => {
    const kept = pin('uid', 'packets');
    pin('uid', 'old');
    pins.remove('uid', new Set([kept]));
    expect(readdirSync(join(root, 'test', 'uid'))).toEqual([kept.split('/').at(-1)]);
    pins.remove('uid');
    expect(pins.uids()).toEqual([]);
    pins.remove('uid');
  });

  test('sweep takes the folders of BPFs that are gone', () => {
    pin('a-1', 'packets');
    pin('b-2', 'packets');
    expect(pins.sweep(['b-2'])).toEqual(['a_1']);
    expect(pins.uids()).toEqual(['b_2']);
  });

  test('whatever somebody else put among the pins goes as they do', () => {
    const kept = pin('uid', 'packets');
    mkdirSync(join(root, 'test', 'uid', 'folder', 'below'), { recursive: true });
    writeFileSync(join(root, 'test', 'file'), '');
    pins.remove('uid', new Set([kept]));
    expect(readdirSync(join(root, 'test', 'uid'))).toEqual([kept.split('/').at(-1)]);
    mkdirSync(join(root, 'test', 'uid', 'folder'));
    expect(pins.sweep([]).sort()).toEqual(['file', 'uid']);
    expect(pins.uids()).toEqual([]);
  });

  test('removeAll takes the instance, and the common folder only when it is the last', () => {
    const other = new Pins(root, 'other');
    pin('uid', 'packets');
    other.pathFor('uid', 'packets', 'u32');
    pins.removeAll();
    expect(readdirSync(root)).toEqual(['other']);
    other.removeAll();
    expect(existsSync(root)).toBe(false);
  });

  test('a folder that is on no bpf file system is named, and not left behind', () => {
    const nowhere = join(root, 'nowhere');
    expect(new Pins(nowhere, 'test').obstacle()).toBe(
      `${nowhere} is not on a bpf file system [mount -t bpf bpf /sys/fs/bpf]`,
    );
    expect(existsSync(nowhere)).toBe(false);
  });
});
