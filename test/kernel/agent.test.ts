import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { eventually } from '../apiserver/harness/eventually.ts';
import { compileBpf } from '../fixtures/compile.ts';
import { AgentHome } from './agent-process.ts';
import { callGetpgid, UdpFlow } from './events.ts';
import { compileFixture } from './fixture.ts';
import { stillInKernel } from './held.ts';

const labels = (name: string, key: number, namespace = 'default') =>
  `{bpf_name="${name}",bpf_namespace="${namespace}",key="${key}",node="n1"}`;
const calls = (name: string, namespace?: string) => `bpf_getpgid_total${labels(name, process.pid, namespace)}`;

let home: AgentHome;
beforeEach(() => {
  home = new AgentHome();
});
afterEach(() => home[Symbol.asyncDispose]());

describe('an agent on a folder', () => {
  test('counts from when it is ready, and leaves only its pins behind; --cleanup takes those too', async () => {
    home.apply('calls', compileFixture('getpgid'));
    const agent = await home.start();
    await agent.until('bpf_agent_programs{node="n1",state="ready"}', '1');
    callGetpgid(3);
    expect(await agent.value(calls('calls'))).toBe('3');
    expect(await agent.value('bpf_getpgid_all_total{bpf_name="calls",bpf_namespace="default",node="n1"}')).toBe('3');
    expect(agent.held()).toMatchObject({ programs: 1, links: 1, packetSockets: 0 });
    expect(home.pins()).toHaveLength(2);
    const { ids } = agent.held();
    expect(stillInKernel(ids)).toEqual(ids);

    await agent.process.stop();
    expect(agent.process.exited).toBe('exit code 0');
    expect(home.pins()).toHaveLength(2);
    const pinned = await eventually('the kernel to free what is not pinned', () => {
      const left = stillInKernel(ids);
      return left.length === 2 && left;
    });
    expect(pinned.every((id) => id.startsWith('map '))).toBe(true);

    expect(await home.run(['--cleanup', '--instance', 'wrong'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is test'),
    });
    mkdirSync(join(join(home.folder, 'state'), 'other'));
    expect(await home.run(['--cleanup'])).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/"instances":\["other"\],"msg":"other instances are still there/),
    });
    expect(home.pins()).toEqual([]);
    expect(readdirSync(join(home.folder, 'state'))).toEqual(['other']);
    expect(await home.run(['--cleanup'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is other'),
    });
    await eventually('the kernel to free the map', () => stillInKernel(ids).length === 0);
  });

  test.each(['kill', 'stop'] as const)(
    'after %s and a start, counters go on exactly and nothing is doubled',
    async (end) => {
      home.apply('calls', compileFixture('getpgid'));
      home.apply('packets', compileFixture('udp'));
      await using flow = await UdpFlow.open();
      const packets = `bpf_udp_total${labels('packets', flow.port)}`;
      const first = await home.start();
      await first.until('bpf_agent_programs{node="n1",state="ready"}', '2');
      callGetpgid(5);
      await flow.send(7);
      await first.until(packets, '14');
      const held = first.held();
      const pins = home.pins();
      await first.process[end]();

      const second = await home.start();
      await second.until('bpf_agent_programs{node="n1",state="ready"}', '2');
      expect(await second.value(calls('calls'))).toBe('5');
      expect(await second.value(packets)).toBe('14');
      callGetpgid(2);
      await flow.send(1);
      expect(await second.value(calls('calls'))).toBe('7');
      expect(await second.value(packets)).toBe('16');
      const { fds: _fds, ids: _ids, ...kernel } = held;
      expect(second.held()).toMatchObject(kernel);
      expect(home.pins()).toEqual(pins);
    },
  );

  test('two BPFs of one name in two namespaces stand side by side in one family', async () => {
    home.apply('calls', compileFixture('getpgid'));
    home.apply('calls', compileFixture('getpgid'), { namespace: 'other' });
    const agent = await home.start();
    await agent.until('bpf_agent_programs{node="n1",state="ready"}', '2');
    callGetpgid(4);
    expect(await agent.value(calls('calls'))).toBe('4');
    expect(await agent.value(calls('calls', 'other'))).toBe('4');
    expect((await agent.metrics()).match(/^# TYPE bpf_getpgid_total /gm)).toHaveLength(1);
  });

  test('an edit that breaks a BPF leaves the last good one at work and says so; mending it recovers', async () => {
    home.apply('calls', compileFixture('getpgid'));
    const agent = await home.start();
    await agent.until('bpf_agent_programs{node="n1",state="ready"}', '1');
    callGetpgid(1);
    home.apply('calls', compileFixture('rejected'));
    await agent.logged('VerifierRejected', 'program reads_too_far', 'default/calls');
    await agent.until('bpf_agent_programs{node="n1",state="failed"}', '1');
    callGetpgid(1);
    expect(await agent.value(calls('calls'))).toBe('2');
    home.apply('calls', compileFixture('getpgid', { defines: ['REVISION=2'] }));
    await agent.until('bpf_agent_programs{node="n1",state="ready"}', '1');
    callGetpgid(1);
    expect(await agent.value(calls('calls'))).toBe('3');
  });

  test('a suspended BPF is out of the kernel and keeps its counters', async () => {
    const object = compileFixture('getpgid');
    home.apply('calls', object);
    const agent = await home.start();
    await agent.until('bpf_agent_programs{node="n1",state="ready"}', '1');
    callGetpgid(3);
    const pins = home.pins();
    home.apply('calls', object, { suspend: true });
    await agent.until('bpf_agent_programs{node="n1",state="ready"}', '0');
    expect(agent.held()).toMatchObject({ programs: 0, maps: 0, links: 0 });
    expect(home.pins()).toEqual(pins);
    callGetpgid(3);
    home.apply('calls', object);
    await agent.until('bpf_agent_programs{node="n1",state="ready"}', '1');
    callGetpgid(3);
    expect(await agent.value(calls('calls'))).toBe('6');
  });

  test('after a broken edit and a kill, the last good one goes on, from where it was', async () => {
    home.apply('calls', compileFixture('getpgid'));
    const first = await home.start();
    await first.until('bpf_agent_programs{node="n1",state="ready"}', '1');
    callGetpgid(3);
    home.apply('calls', compileFixture('rejected'));
    await first.until('bpf_agent_programs{node="n1",state="failed"}', '1');
    await first.process.kill();
    const second = await home.start();
    await second.logged('the last good revision goes on');
    await eventually('its info', async () =>
      /^bpf_agent_program_info\{.*bpf_name="calls"/m.test(await second.metrics()),
    );
    callGetpgid(3);
    expect(await second.value(calls('calls'))).toBe('6');
    expect(second.held()).toMatchObject({ programs: 1, links: 1 });
    home.apply('calls', Buffer.from('no object at all'));
    await second.logged('NotAnELF');
    await second.process.kill();
    const third = await home.start();
    await third.logged('the last good revision goes on');
    callGetpgid(3);
    expect(await third.value(calls('calls'))).toBe('9');
  });

  test('another layout of a map starts afresh, and the old pins go', async () => {
    home.apply('calls', compileFixture('getpgid'));
    const agent = await home.start();
    await agent.until('bpf_agent_programs{node="n1",state="ready"}', '1');
    callGetpgid(1);
    const pins = home.pins();
    home.apply('calls', compileFixture('getpgid', { defines: ['OTHER_KEY'] }));
    await eventually('other pins', () => home.pins().length === 2 && !home.pins().every((pin) => pins.includes(pin)));
    callGetpgid(1);
    expect(await agent.value(calls('calls'))).toBe('1');
    expect(home.pins().filter((pin) => pin.includes('getpgid_total'))).toHaveLength(1);
  });

  test('a deleted BPF leaves nothing, and hurts no other', async () => {
    home.apply('calls', compileFixture('getpgid'));
    home.apply('packets', compileFixture('udp'));
    const agent = await home.start();
    await agent.until('bpf_agent_programs{node="n1",state="ready"}', '2');
    const before = agent.held().ids;
    home.apply('packets', undefined);
    await agent.until('bpf_agent_programs{node="n1",state="ready"}', '1');
    expect(agent.held()).toMatchObject({ programs: 1, packetSockets: 0 });
    expect(home.pins().filter((pin) => pin.includes('udp_total'))).toEqual([]);
    const after = agent.held().ids;
    const gone = before.filter((id) => !after.includes(id));
    expect(gone.some((id) => id.startsWith('map '))).toBe(true);
    await eventually('the kernel to free what it had', () => stillInKernel(gone).length === 0);
    callGetpgid(1);
    expect(await agent.value(calls('calls'))).toBe('1');
  });

  test('the two programs of the 2019 prototype load unchanged and count', async () => {
    const legacy = (name: string) =>
      compileBpf(fileURLToPath(new URL(`../fixtures/legacy/${name}.bpf.c`, import.meta.url)), { btf: false });
    home.apply('pkts-bpf', legacy('pkts'));
    home.apply('write-bpf', gzipSync(legacy('write')));
    const agent = await home.start();
    await agent.until('bpf_agent_programs{node="n1",state="ready"}', '2');
    const icmp = `bpf_packets${labels('pkts-bpf', 1)}`;
    const before = Number((await agent.value(icmp)) ?? 0);
    execFileSync('ping', ['-c', '5', '-i', '0.01', '127.0.0.1'], { stdio: 'ignore' });
    expect(Number(await agent.value(icmp))).toBe(before + 20);
  });

  test('a second agent of one instance ends and names the first; another instance is another agent', async () => {
    home.apply('calls', compileFixture('getpgid'));
    const first = await home.start();
    const second = await home.run([]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`pid ${first.process.pid}`);
    const other = await home.start(['--instance', 'Other.1']);
    await other.until('bpf_agent_programs{node="n1",state="ready"}', '1');
    await first.until('bpf_agent_programs{node="n1",state="ready"}', '1');
    callGetpgid(2);
    expect(await first.value(calls('calls'))).toBe('2');
    expect(await other.value(calls('calls'))).toBe('2');
    expect(home.pins()).toHaveLength(4);
  });

  test('bad manifests and bad objects are named and hurt nobody', async () => {
    const good = compileFixture('getpgid');
    home.apply('calls', good);
    home.apply('empty', new Uint8Array());
    home.apply('text', Buffer.from('not an object'));
    home.apply('host', readFileSync(process.execPath).subarray(0, 65536));
    home.apply('half', good.subarray(0, good.length / 2));
    home.apply('too-large', Buffer.alloc(1024 * 1024 + 1));
    home.apply('bomb', gzipSync(Buffer.alloc(64 * 1024 * 1024)));
    home.apply('no-target', compileFixture('hook', { hook: 'tracepoint/syscalls/sys_enter_nope' }));
    home.apply('no-kprobe', compileFixture('hook', { hook: 'kprobe/do_nanosleep' }));
    home.apply('xdp', compileFixture('hook', { hook: 'xdp' }));
    home.apply('typo', compileFixture('hook', { hook: 'tracepont/syscalls/sys_enter_getpgid' }));
    home.apply('off', compileFixture('hook', { hook: '?tracepoint/syscalls/sys_enter_getpgid' }));
    home.write('broken.yaml', 'kind: BPF\n  metadata: [');
    const agent = await home.start();
    await agent.logged('default/empty', 'NotAnELF');
    await agent.logged('default/text', 'NotAnELF');
    await agent.logged('default/host', 'InvalidObject');
    await agent.logged('default/half', 'InvalidObject');
    await agent.logged('default/too-large', 'PayloadTooLarge');
    await agent.logged('default/bomb', 'PayloadTooLarge');
    await agent.logged('default/no-target', 'AttachTargetMissing', 'sys_enter_nope');
    await agent.logged('default/no-kprobe', 'ProgramTypeUnsupported', 'kprobe');
    await agent.logged('default/typo', 'libbpf knows no such section name');
    await agent.logged('default/xdp', 'ProgramTypeUnsupported', 'does not attach programs of type xdp');
    await agent.logged('broken.yaml');
    await agent.until('bpf_agent_programs{node="n1",state="failed"}', '11');
    await agent.until('bpf_agent_programs{node="n1",state="ready"}', '2');
    callGetpgid(1);
    expect(await agent.value(calls('calls'))).toBe('1');
    expect(agent.held()).toMatchObject({ programs: 1, links: 1 }); // SEC("?…") is left out
    expect(agent.process.exited).toBeUndefined();
  });
});

describe('replacing an object while events flow', () => {
  test.each([
    ['socket filter', 'socket', ['RESULT=0'], 2],
    ['cgroup program', 'cgroup_skb/egress', ['RESULT=1'], 1],
  ])('%s: not one packet is lost or counted twice', async (_, hook, defines, perPacket) => {
    const revision = (n: number) => compileFixture('udp', { hook, defines: [...defines, `REVISION=${n}`] });
    home.apply('packets', revision(1));
    const agent = await home.start();
    await agent.until('bpf_agent_programs{node="n1",state="ready"}', '1');
    await using flow = await UdpFlow.open();
    flow.start();
    for (let n = 2; n <= 5; n++) {
      home.apply('packets', revision(n));
      await eventually(`revision ${n}`, () => agent.log.match(/"msg":"loaded"/g)?.length === n);
    }
    await flow.stop();
    expect(await agent.value(`bpf_udp_total${labels('packets', flow.port)}`)).toBe(String(flow.sent * perPacket));
    expect(flow.sent).toBeGreaterThan(100);
  });

  test('tracepoint: never counted twice', async () => {
    home.apply('calls', compileFixture('getpgid'));
    const agent = await home.start();
    await agent.until('bpf_agent_programs{node="n1",state="ready"}', '1');
    let made = 0;
    for (let n = 2; n <= 4; n++) {
      home.apply('calls', compileFixture('getpgid', { defines: [`REVISION=${n}`] }));
      await eventually(`revision ${n}`, () => {
        callGetpgid(100);
        made += 100;
        return agent.log.match(/"msg":"loaded"/g)?.length === n;
      });
    }
    const counted = Number(await agent.value(calls('calls')));
    expect(counted).toBeLessThanOrEqual(made);
    expect(counted).toBeGreaterThan(made / 2);
    expect(agent.held()).toMatchObject({ programs: 1, links: 1 });
  });
});
