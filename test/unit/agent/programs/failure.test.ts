import { NoAttachTarget } from '../../../../agent/kernel/attach.ts';
import type { Host } from '../../../../agent/kernel/host.ts';
import { ObjectFailure } from '../../../../agent/kernel/kernel-object.ts';
import { errnoNames, LibbpfError } from '../../../../agent/libbpf/check.ts';
import {
  blamedProgram,
  causeOf,
  explain,
  type Failure,
  LoadRefused,
  TwinsRefused,
} from '../../../../agent/programs/failure.ts';
import { CodedError } from '../../../../runtime/errors.ts';

const full: Host = {
  hasBtf: true,
  hasKprobes: true,
  hasTracefs: true,
  missingCapabilities: [],
  seccomp: false,
  lockdown: 'none',
  perfEventParanoid: 2,
  securityModules: ['lockdown', 'bpf'],
  seesModuleBtf: true,
  memlockLimited: false,
};

const refusal = (call: string, errno: number): LibbpfError =>
  new LibbpfError('LibbpfError', `${call} x: ${errnoNames[errno] ?? errno}`, {
    call,
    errno,
    name: errnoNames[errno] ?? '',
  });

function loadFailure(errno: number, lines: string[], verifier?: { program: string; log: string }): ObjectFailure {
  return new ObjectFailure('load', refusal('bpf_object__load', errno), { lines, verifier });
}

function attachFailure(errno: number, section: string, lines: string[] = []): ObjectFailure {
  const program = { name: 'prog', section };
  return new ObjectFailure('attach', refusal('bpf_program__attach', errno), { lines, verifier: undefined }, program);
}

/** What Linux 6.18 says of a read behind the end of __sk_buff, with the statistics that follow. */
const contextLog = `0: R1=ctx() R10=fp0
; return *(volatile int *)((long)skb + 4000); @ bad.bpf.c:3
0: (61) r0 = *(u32 *)(r1 +4000)
invalid bpf_context access off=4000 size=4
processed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

describe('explain', () => {
  test.each<[string, unknown, Host, string, RegExp, boolean]>([
    [
      'the verifier, with its last line and the instruction',
      loadFailure(13, [], { program: 'bad', log: contextLog }),
      full,
      'VerifierRejected',
      /^program bad: invalid bpf_context access off=4000 size=4 at insn 0: \(61\) r0 = \*\(u32 \*\)\(r1 \+4000\)$/,
      false,
    ],
    [
      'a CO-RE relocation that this kernel cannot satisfy',
      loadFailure(22, [], {
        program: 'p',
        log: '0: <invalid CO-RE relocation>\nfailed to resolve CO-RE relocation <byte_off> [7] struct task_struct.nope (0:0 @ offset 0)\nprocessed 0 insns\n',
      }),
      full,
      'VerifierRejected',
      /task_struct\.nope/,
      false,
    ],
    [
      'a refusal before the verifier looked: its log has statistics only',
      loadFailure(22, ["prog 'p': BPF program load failed: Invalid argument"], {
        program: 'p',
        log: 'processed 0 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n',
      }),
      full,
      'ProgramTypeUnsupported',
      /^program p: bpf_object__load x: EINVAL$/,
      false,
    ],
    [
      'a pin of another shape',
      loadFailure(22, [
        "couldn't reuse pinned map at '/pins/m': parameter mismatch",
        "map 'm': error reusing pinned map",
        "map 'm': failed to create: Invalid argument(-22)",
      ]),
      full,
      'Internal',
      /'\/pins\/m': parameter mismatch \[.*may be removed/,
      true,
    ],
    [
      'a pin that cannot be made',
      loadFailure(30, [
        'failed to pin map: Read-only file system',
        "map 'm': failed to auto-pin at '/pins/m': -30",
        "map 'm': failed to create: Read-only file system(-30)",
      ]),
      full,
      'Internal',
      /Read-only file system \[.*must be writable/,
      true,
    ],
    [
      'a map of a type that is not there',
      loadFailure(22, ["map 'm': failed to create: Invalid argument(-22)"]),
      full,
      'MapTypeUnsupported',
      /^map m: /,
      false,
    ],
    [
      'a map that does not fit',
      loadFailure(12, ["map 'm': failed to create: Cannot allocate memory(-12)"]),
      full,
      'MapTooLarge',
      /max_entries/,
      true,
    ],
    [
      'a map larger than the kernel allows',
      loadFailure(7, ["map 'm': failed to create: Argument list too long(-7)"]),
      full,
      'MapTooLarge',
      /^map m: /,
      false,
    ],
    [
      'memlock',
      loadFailure(1, ["map 'm': failed to create: Operation not permitted(-1)"]),
      full,
      'MemlockExceeded',
      /RLIMIT_MEMLOCK/,
      true,
    ],
    [
      'memlock too low for the first program that libbpf tries',
      loadFailure(1, [
        "Error in bpf_object__probe_loading():Operation not permitted(1). Couldn't load trivial BPF program.",
      ]),
      { ...full, memlockLimited: true },
      'MemlockExceeded',
      /^bpf_object__load x: EPERM \[before Linux 5\.11 .*SYS_RESOURCE\]$/,
      true,
    ],
    [
      'the same for want of capabilities',
      loadFailure(1, []),
      { ...full, memlockLimited: true, missingCapabilities: ['BPF'] },
      'PermissionDenied',
      /CAP_BPF/,
      true,
    ],
    [
      'a BTF type that is not there',
      loadFailure(3, ["prog 'p': failed to find kernel BTF type ID of 'nope': -3"]),
      full,
      'AttachTargetMissing',
      /nope/,
      false,
    ],
    [
      'the same without any BTF',
      loadFailure(3, ["prog 'p': failed to find kernel BTF type ID of 'nope': -3"]),
      { ...full, hasBtf: false },
      'BTFMissing',
      /nope/,
      false,
    ],
    [
      'EPERM for want of capabilities',
      loadFailure(1, []),
      { ...full, missingCapabilities: ['NET_RAW', 'BPF'], seccomp: true },
      'PermissionDenied',
      /\[the agent lacks CAP_NET_RAW, CAP_BPF\]$/,
      true,
    ],
    ['EPERM by seccomp', loadFailure(1, []), { ...full, seccomp: true }, 'SeccompBlocked', /seccomp/, true],
    [
      'EPERM by lockdown and sysctl',
      loadFailure(1, []),
      { ...full, lockdown: 'integrity', perfEventParanoid: 3 },
      'PermissionDenied',
      /\[kernel lockdown is integrity; kernel\.perf_event_paranoid is 3\]$/,
      true,
    ],
    [
      "EPERM for no reason that can be seen: final, and without libbpf's guess of a limit",
      loadFailure(1, [
        "prog 'p': BPF program load failed: Operation not permitted",
        "permission error while running as root; try raising 'ulimit -l'? current value: 8.0 MiB",
        "prog 'p': failed to load: -1",
        "failed to load object 'x'",
      ]),
      full,
      'PermissionDenied',
      /^program p: bpf_object__load x: EPERM \[.* this kernel itself forbids it\]$/,
      false,
    ],
    [
      'a cgroup that another program may have to itself, for now',
      attachFailure(1, 'cgroup_skb/egress'),
      full,
      'PermissionDenied',
      /keep the cgroup to itself/,
      true,
    ],
    [
      'a tracepoint that is not there',
      attachFailure(2, 'tracepoint/syscalls/sys_enter_nope'),
      full,
      'AttachTargetMissing',
      /there is no syscalls\/sys_enter_nope here/,
      true,
    ],
    [
      'a tracepoint without tracefs',
      attachFailure(2, 'tp/sched/sched_switch'),
      { ...full, hasTracefs: false },
      'AttachTargetMissing',
      /mount -t tracefs/,
      true,
    ],
    [
      'a kprobe without kprobes',
      attachFailure(2, 'kprobe/do_exit'),
      { ...full, hasKprobes: false },
      'ProgramTypeUnsupported',
      /CONFIG_KPROBES/,
      false,
    ],
    [
      'a kprobe of a function that is not there',
      attachFailure(2, 'kprobe/nope'),
      full,
      'AttachTargetMissing',
      /there is no nope here/,
      true,
    ],
    ['a full tracepoint', attachFailure(7, 'tp/a/b'), full, 'Internal', /64 programs on one tracepoint/, true],
    ['attach refused', attachFailure(13, 'perf_event'), full, 'PermissionDenied', /prog \(perf_event\)/, false],
    ['no way to attach', attachFailure(95, 'xdp'), full, 'ProgramTypeUnsupported', /prog \(xdp\)/, false],
    ['anything else of an attach', attachFailure(16, 'tp/a/b'), full, 'Internal', /EBUSY/, true],
    [
      'a payload that did not arrive',
      new CodedError('PayloadUnavailable', 'get payload: 404', { ref: 'a/b' }),
      full,
      'PayloadUnavailable',
      /404/,
      true,
    ],
    [
      'a payload that is another',
      new CodedError('DigestMismatch', 'digest', { ref: 'a/b' }),
      full,
      'DigestMismatch',
      /digest/,
      false,
    ],
    ['a mistake of ours', new TypeError('boom'), full, 'Internal', /boom/, true],
  ])('%s', (_, thrown, host, reason, message, transient) => {
    const failure = explain(thrown, host);
    expect(failure).toEqual({ reason, message: expect.stringMatching(message), transient });
  });
});

describe('the program that is to blame', () => {
  const statistics = 'processed 3 insns (limit 1000000)\n';

  test.each<[string, unknown, string | undefined]>([
    ["libbpf's own word", loadFailure(22, ["prog 'p': failed to load: -22", "failed to load object 'o'"]), 'p'],
    ['its last word', loadFailure(3, ["prog 'p': failed to a: -1", "prog 'q': failed to b: -3"]), 'q'],
    [
      'whoever was verified before',
      loadFailure(1, ["prog 'p': BPF program load failed: Operation not permitted"], { program: 'q', log: statistics }),
      'p',
    ],
    ["the verifier's, where libbpf says nothing", loadFailure(13, [], { program: 'q', log: contextLog }), 'q'],
    ['none, of a map', loadFailure(12, ["map 'm': failed to create: Cannot allocate memory(-12)"]), undefined],
    ['what was to be attached', attachFailure(2, 'tp/x/y', ["prog 'other': failed to auto-attach"]), 'prog'],
    ['what has no target', new NoAttachTarget('NoAttachTarget', 'no cgroup2', { program: 'p' }), 'p'],
    [
      'what the agent does not attach',
      new LoadRefused('ProgramTypeUnsupported', 'xdp', { ref: 'a/b', program: 'p' }),
      'p',
    ],
    ['none, of a whole object', new LoadRefused('InvalidObject', 'bad', { ref: 'a/b' }), undefined],
    ['none, of a payload', new CodedError('PayloadUnavailable', 'gone', {}), undefined],
  ])('is %s', (_what, thrown, program) => {
    expect(blamedProgram(thrown)).toBe(program);
  });
});

test.each([
  [true, true],
  [false, false],
])('twins that all were refused: each with its words, tried again where one may pass: %p', (transient, expected) => {
  const failures = new Map<string, Failure>([
    ['first', { reason: 'AttachTargetMissing', message: 'there is no x here', transient }],
    ['second', { reason: 'VerifierRejected', message: 'R0 !read_ok', transient: false }],
  ]);
  expect(explain(new TwinsRefused('ns/a', failures), full)).toEqual({
    reason: 'VerifierRejected',
    message: 'load ns/a: none of firstOf [first, second] runs: first: there is no x here; second: R0 !read_ok',
    transient: expected,
  });
});

test('twins that were refused alike are told in one go, and no program is named twice', () => {
  const noKprobes = (name: string, section: string): [string, Failure] => [
    name,
    { reason: 'ProgramTypeUnsupported', message: `program ${name} (${section}): no kprobes here`, transient: false },
  ];
  const refused = (name: string): [string, Failure] => [
    name,
    { reason: 'PermissionDenied', message: `program ${name}: EPERM [this kernel itself forbids it]`, transient: false },
  ];
  const failures = new Map([refused('a'), noKprobes('b', 'kprobe/x'), refused('c'), noKprobes('d', 'kprobe/y')]);
  expect(explain(new TwinsRefused('ns/a', failures), full)).toEqual({
    reason: 'ProgramTypeUnsupported',
    message:
      'load ns/a: none of firstOf [a, b, c, d] runs: a, c: EPERM [this kernel itself forbids it]; b, d: no kprobes here',
    transient: false,
  });
});

test.each([
  ['program p: R0 !read_ok', 'R0 !read_ok'],
  ['program p (uprobe//bin/x:main): there is no x: ENOENT', 'there is no x: ENOENT'],
  ['load ns/a: program p (SEC("xdp")): not attached', 'not attached'],
  [
    'load ns/a: program p (SEC("lsm/x")) would never be called',
    'load ns/a: program p (SEC("lsm/x")) would never be called',
  ],
  ['map m: EPERM', 'map m: EPERM'],
])('the cause in "%s"', (message, cause) => {
  expect(causeOf(message)).toBe(cause);
});
