import { attach, slotOf } from '../../agent/kernel/attach.ts';
import { readHost } from '../../agent/kernel/host.ts';
import { type LoadedObject, ObjectFailure, OpenObject } from '../../agent/kernel/kernel-object.ts';
import { loadLibbpf } from '../../agent/libbpf/ffi.ts';
import { explain } from '../../agent/programs/failure.ts';
import { compileFixture, compileProbedLibrary } from './fixture.ts';
import { heldBy } from './held.ts';

const lib = loadLibbpf();
const host = readHost();
const libc = '/lib/x86_64-linux-gnu/libc.so.6';
const probed = compileProbedLibrary();

async function loadHook(hook: string, defines: string[] = []): Promise<LoadedObject> {
  using opened = OpenObject.open(lib, 'hook', compileFixture('hook', { hook, defines }));
  return await opened.load();
}

/** What loading and attaching an object comes to: what it holds then, or why not. */
async function outcome(hook: string, defines: string[] = []) {
  try {
    using object = await loadHook(hook, defines);
    using stack = new DisposableStack();
    for (const program of object.programs) stack.use(attach(lib, program));
    return heldBy(process.pid);
  } catch (thrown) {
    return explain(thrown, host);
  }
}

describe('attach', () => {
  let before = heldBy(process.pid);
  beforeAll(async () => {
    // libbpf opens a few files for good (feature probes) with its first load.
    await outcome('raw_tp/sys_enter');
    before = heldBy(process.pid);
  });
  afterEach(() => expect(heldBy(process.pid)).toEqual(before));

  test.each([
    ['tracepoint/syscalls/sys_enter_getpgid'],
    ['tp/sched/sched_switch'],
    ['raw_tp/sched_switch'],
    ['raw_tracepoint/sys_enter'],
    ['tp_btf/sched_switch'],
    [`uprobe/${libc}:getpgid`],
    [`uretprobe/${libc}:getpgid`],
    [`usdt/${probed}:kube_bpf_test:poked`, ['USDT']],
    ['iter/task'],
  ])('%s: libbpf attaches it, and it is gone after', async (hook, defines: string[] = []) => {
    expect(await outcome(hook, defines)).toMatchObject({ programs: 1, links: 1, packetSockets: 0 });
  });

  test.each([
    'cgroup_skb/egress',
    'cgroup/sock_create',
    'cgroup/connect4',
    'cgroup/getsockopt',
    'cgroup/sysctl',
    'cgroup/dev',
  ])('%s: on the root of the cgroup2 mount', async (hook) => {
    expect(await outcome(hook, ['RESULT=1'])).toMatchObject({ programs: 1, links: 1 });
  });

  test('socket: one packet socket for all interfaces', async () => {
    expect(await outcome('socket')).toMatchObject({ programs: 1, links: 0, packetSockets: 1 });
  });

  test.each([
    [
      'kprobe/do_nanosleep',
      'ProgramTypeUnsupported',
      /program on_hook \(kprobe\/do_nanosleep\): this kernel has no kprobes/,
    ],
    ['tracepoint/syscalls/sys_enter_nope', 'AttachTargetMissing', /there is no syscalls\/sys_enter_nope here/],
    ['raw_tp/no_such_tracepoint', 'AttachTargetMissing', /there is no no_such_tracepoint here/],
    ['tp_btf/no_such_tracepoint', 'AttachTargetMissing', /no_such_tracepoint/],
    ['uprobe//no/such/binary:main', 'AttachTargetMissing', /\/no\/such\/binary:main/],
    [`uprobe/${libc}:no_such_function`, 'AttachTargetMissing', /no_such_function/],
    [`usdt/${probed}:kube_bpf_test:nope`, 'AttachTargetMissing', /kube_bpf_test:nope/, ['USDT']],
    ['xdp', 'ProgramTypeUnsupported', /program on_hook \(xdp\)/],
  ])('%s: refused as %s, in words', async (hook, reason, message, defines: string[] = []) => {
    expect(await outcome(hook, defines)).toMatchObject({ reason, message: expect.stringMatching(message) });
  });

  test('fentry: refused where the kernel refuses it, never taken for attached', async () => {
    const result = await outcome('fentry/do_nanosleep');
    // EPERM on a locked-down kernel; on another it works.
    expect('links' in result ? result.links : result.reason).toEqual('links' in result ? 1 : 'PermissionDenied');
  });

  test.each([
    ['socket', []],
    ['cgroup_skb/egress', ['RESULT=1']],
  ])('%s: another program takes over in place, and can give it back', async (hook, defines) => {
    using one = await loadHook(hook, defines);
    using two = await loadHook(hook, defines);
    const [first, second] = [one.programs[0], two.programs[0]];
    if (first === undefined || second === undefined) throw new Error('no program');
    expect(slotOf(first)).toBe(slotOf(second));
    using attachment = attach(lib, first);
    expect(attachment.slot).toBe(slotOf(first));
    attachment.replace(second);
    attachment.replace(first);
    expect(heldBy(process.pid)).toMatchObject({ programs: 2 });
  });

  test('a program of another type cannot take over', async () => {
    using one = await loadHook('cgroup_skb/egress', ['RESULT=1']);
    using two = await loadHook('tp/sched/sched_switch');
    const [first, second] = [one.programs[0], two.programs[0]];
    if (first === undefined || second === undefined) throw new Error('no program');
    using attachment = attach(lib, first);
    expect(() => attachment.replace(second)).toThrow(/bpf_link__update_program/);
    expect(attachment.program).toBe(first.name);
  });
});

describe('load', () => {
  test.each([
    ['rejected', 'VerifierRejected', /^program reads_too_far: invalid .*9000/],
    ['core-missing', 'VerifierRejected', /^program reads_nothing: .*no_such_member/],
  ])('%s.bpf.c: %s, with the program and the reason', async (name, reason, message) => {
    const before = heldBy(process.pid);
    using opened = OpenObject.open(lib, name, compileFixture(name));
    const thrown = await opened.load().catch((error: unknown) => error);
    expect(explain(thrown, host)).toEqual({ reason, message: expect.stringMatching(message), transient: false });
    opened[Symbol.dispose]();
    expect(heldBy(process.pid)).toEqual(before);
  });

  test.each([
    ['no ELF', Buffer.from('hello')],
    ['half an object', compileFixture('hook', { hook: 'socket' }).subarray(0, 600)],
  ])('%s does not open', (_, bytes) => {
    let thrown: unknown;
    try {
      OpenObject.open(lib, 'broken', bytes)[Symbol.dispose]();
    } catch (caught) {
      thrown = caught;
    }
    expect(thrown).toBeInstanceOf(ObjectFailure);
    expect(explain(thrown, host)).toMatchObject({ reason: 'InvalidObject', transient: false });
  });
});
