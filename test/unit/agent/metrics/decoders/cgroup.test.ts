import { decoderOf, FakeMachine, scrapedBy } from './decoding.ts';

const mountinfo = '/proc/self/mountinfo';
const v2 = '31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n';
const v1 = `31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
`;
const hybrid = `${v1}41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n`;

const inodes = {
  '/sys/fs/cgroup': 1,
  '/sys/fs/cgroup/system.slice': 20,
  '/sys/fs/cgroup/system.slice/ssh.service': 30,
  '/sys/fs/cgroup/cpu': 1,
  '/sys/fs/cgroup/cpu/b': 60,
  '/sys/fs/cgroup/memory': 1,
  '/sys/fs/cgroup/memory/m': 50,
  '/sys/fs/cgroup/memory/m/n': 60,
  '/sys/fs/cgroup/unified': 1,
  '/sys/fs/cgroup/unified/u': 60,
};
const only = (...prefixes: string[]): Record<string, number> =>
  Object.fromEntries(Object.entries(inodes).filter(([path]) => prefixes.some((prefix) => path.startsWith(prefix))));
const pure = { '/sys/fs/cgroup': 1, ...only('/sys/fs/cgroup/system.slice') };

test.each<[string, string, Record<string, number>, string, string]>([
  ['v2', v2, pure, '1', '/sys/fs/cgroup'],
  ['v2', v2, pure, '20', '/sys/fs/cgroup/system.slice'],
  ['v2', v2, pure, '30', '/sys/fs/cgroup/system.slice/ssh.service'],
  ['v2', v2, pure, '31', 'unknown_cgroup_id:31'],
  ['v2', v2, pure, 'x', 'unknown_cgroup_id:x'],
  ['v1', v1, only('/sys/fs/cgroup/cpu', '/sys/fs/cgroup/memory'), '50', '/sys/fs/cgroup/memory/m'],
  ['v1', v1, only('/sys/fs/cgroup/cpu', '/sys/fs/cgroup/memory'), '60', '/sys/fs/cgroup/memory/m/n'],
  ['v1 without memory', v1.replaceAll('memory', 'pids'), only('/sys/fs/cgroup/cpu'), '60', '/sys/fs/cgroup/cpu/b'],
  // Of a hybrid host the v2 hierarchy only: a v1 cgroup of the same number is another one.
  ['hybrid', hybrid, inodes, '60', '/sys/fs/cgroup/unified/u'],
  ['hybrid', hybrid, inodes, '50', 'unknown_cgroup_id:50'],
])('on %s: %#', async (_, mounts, tree, id, shown) => {
  const machine = new FakeMachine({ [mountinfo]: mounts }, tree);
  expect(await scrapedBy(decoderOf({ name: 'cgroup' }, machine), id)).toBe(shown);
  expect(machine.warnings).toEqual([]);
});

test('where a container sees a part of the tree and the whole elsewhere, the whole counts', async () => {
  const machine = new FakeMachine(
    { [mountinfo]: `${v2}50 23 0:28 /../.. /host/cgroup ro - cgroup2 cgroup2 rw\n` },
    { '/sys/fs/cgroup': 77, '/host/cgroup': 1, '/host/cgroup/kubepods': 12 },
  );
  expect(await scrapedBy(decoderOf({ name: 'cgroup' }, machine), '12')).toBe('/host/cgroup/kubepods');
});

test('a cgroup that comes is found at once; one that was not found costs nothing for ten minutes', async () => {
  const machine = new FakeMachine({ [mountinfo]: v2 }, { ...pure });
  const cgroup = decoderOf({ name: 'cgroup' }, machine);
  expect(await scrapedBy(cgroup, '20')).toBe('/sys/fs/cgroup/system.slice');
  // Those without children are not listed.
  const look = [mountinfo, '/sys/fs/cgroup', '/sys/fs/cgroup/system.slice'];
  expect(machine.asked).toEqual(look);
  machine.inodes['/sys/fs/cgroup/new'] = 99;
  expect(await scrapedBy(cgroup, '99')).toBe('/sys/fs/cgroup/new');
  expect(await scrapedBy(cgroup, '98')).toBe('unknown_cgroup_id:98');
  expect(machine.asked).toEqual([...look, ...look, ...look]);
  await machine.clock.advance(599_999);
  expect(await scrapedBy(cgroup, '98')).toBe('unknown_cgroup_id:98');
  expect(machine.asked).toEqual([...look, ...look, ...look]);
  await machine.clock.advance(1);
  expect(await scrapedBy(cgroup, '98')).toBe('unknown_cgroup_id:98');
  expect(machine.asked).toEqual([...look, ...look, ...look, ...look]);
});

test('one that is gone keeps its name for ten minutes after it was last seen', async () => {
  const machine = new FakeMachine({ [mountinfo]: v2 }, { ...pure });
  const cgroup = decoderOf({ name: 'cgroup' }, machine);
  let unknown = 12345;
  const shown = async (): Promise<string | undefined> => {
    await scrapedBy(cgroup, String(unknown++)); // makes it look again
    return scrapedBy(cgroup, '30');
  };
  expect(await shown()).toBe('/sys/fs/cgroup/system.slice/ssh.service');
  delete machine.inodes['/sys/fs/cgroup/system.slice/ssh.service'];
  await machine.clock.advance(599_999);
  expect(await shown()).toBe('/sys/fs/cgroup/system.slice/ssh.service');
  await machine.clock.advance(1);
  expect(await shown()).toBe('unknown_cgroup_id:30');
});

test('very many are looked at some at a time', async () => {
  const tree: Record<string, number> = { '/sys/fs/cgroup': 1 };
  for (let i = 0; i < 2000; i++) tree[`/sys/fs/cgroup/pod${i}`] = 100 + i;
  const machine = new FakeMachine({ [mountinfo]: v2 }, tree);
  const cgroup = decoderOf({ name: 'cgroup' }, machine);
  expect(await scrapedBy(cgroup, '2099')).toBe('/sys/fs/cgroup/pod1999');
  expect(machine.mostAnswersInTurn).toBeLessThanOrEqual(64);
  expect(machine.turns).toBeGreaterThanOrEqual(2000 / 64);
});

test.each([
  ['no mount table', {}, mountinfo],
  ['no cgroup file system', { [mountinfo]: '31 23 0:28 / /sys rw - sysfs sysfs rw\n' }, 'no cgroup file system'],
])('with %s it says so', async (_, files, told) => {
  const machine = new FakeMachine(files);
  expect(await scrapedBy(decoderOf({ name: 'cgroup' }, machine), '1')).toBe('unknown_cgroup_id:1');
  expect(machine.warnings).toEqual([expect.stringContaining(told)]);
});
