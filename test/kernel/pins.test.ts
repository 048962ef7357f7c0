import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { eventually } from '../apiserver/harness/eventually.ts';
import { AgentHome, type RunningAgent } from './agent-process.ts';
import { callGetpgid } from './events.ts';
import { compileFixture } from './fixture.ts';

const calls = `bpf_getpgid_total{bpf_name="calls",bpf_namespace="default",key="${process.pid}",node="n1"}`;
const ready = (agent: RunningAgent, count = 1) =>
  agent.until('bpf_agent_programs{node="n1",state="ready"}', String(count));

let home: AgentHome;
beforeEach(() => {
  home = new AgentHome();
});
afterEach(() => home[Symbol.asyncDispose]());

test('an LRU whose size the kernel rounds up is found again', async () => {
  home.apply('calls', compileFixture('uncommon-lru'));
  const first = await home.start();
  await ready(first);
  callGetpgid(3);
  await first.process.kill();
  const second = await home.start();
  await ready(second);
  callGetpgid(2);
  expect(await second.value(calls)).toBe('5');
});

test('the pins of a layout that was replaced while no agent ran go with the first load', async () => {
  home.apply('calls', compileFixture('getpgid'));
  const first = await home.start();
  await ready(first);
  const pins = home.pins();
  await first.process.stop();
  home.apply('calls', compileFixture('getpgid', { defines: ['OTHER_KEY'] }));
  await ready(await home.start());
  expect(home.pins()).toHaveLength(2);
  expect(home.pins()).not.toEqual(pins);
});

test.each([
  [
    'another map',
    (path: string) => bpftool('map', 'create', path, ...'type array key 4 value 4 entries 1 name x'.split(' ')),
  ],
  ['a folder', (path: string) => void mkdirSync(path)],
])('%s where a pin belongs is named, hurts nobody else, and is no hurdle once removed', async (_, put) => {
  home.apply('calls', compileFixture('getpgid'));
  const first = await home.start();
  await ready(first);
  await first.process.stop();
  const pin = home.pins().find((path) => path.includes('getpgid_total')) ?? '';
  rmSync(pin);
  put(pin);
  home.apply('packets', compileFixture('udp'));
  const second = await home.start();
  await ready(second);
  await second.logged('default/calls', pin, 'may be removed');
  rmSync(pin, { recursive: true });
  await eventually('a retry', async () => (await second.value('bpf_agent_programs{node="n1",state="ready"}')) === '2');
});

test("strangers among the pins end neither the agent nor a BPF's series", async () => {
  home.apply('calls', compileFixture('getpgid'));
  const agent = await home.start();
  await ready(agent);
  const folder = dirname(home.pins()[0] ?? '');
  mkdirSync(join(folder, 'folder', 'below'), { recursive: true });
  bpftool('map', 'create', join(folder, '..', 'file'), ...'type array key 4 value 4 entries 1 name x'.split(' '));
  home.apply('calls', compileFixture('getpgid', { defines: ['REVISION=2'] }));
  await eventually('the new revision', () => agent.log.match(/"msg":"loaded"/g)?.length === 2);
  callGetpgid(2);
  expect(await agent.value(calls)).toBe('2');
  home.apply('calls', undefined);
  await ready(agent, 0);
  await eventually('nothing pinned', () => home.pins().length === 0);
  expect(agent.process.exited).toBeUndefined();
});

test('a bpf file system that becomes read-only costs new layouts, not what runs; at the next start, continuity', async () => {
  mkdirSync(home.bpffs);
  execFileSync('mount', ['-t', 'bpf', 'bpf', home.bpffs]);
  try {
    home.apply('calls', compileFixture('getpgid'));
    const agent = await home.start();
    await ready(agent);
    execFileSync('mount', ['-o', 'remount,ro', home.bpffs]);
    home.apply('calls', compileFixture('getpgid', { defines: ['OTHER_KEY'] }));
    await agent.logged('default/calls', 'must be writable');
    callGetpgid(2);
    expect(await agent.value(calls)).toBe('2');
    home.apply('calls', undefined);
    await ready(agent, 0);
    await agent.logged('unpin', 'Read-only file system');
    await agent.process.stop();
    expect(agent.process.exited).toBe('exit code 0');

    home.apply('calls', compileFixture('getpgid'));
    const next = await home.start();
    await next.logged('maps are not pinned', 'EROFS');
    await ready(next);
    await next.process.stop();
  } finally {
    execFileSync('umount', ['-l', home.bpffs]);
  }
});

const bpftool = (...args: string[]): void => void execFileSync('bpftool', args);
