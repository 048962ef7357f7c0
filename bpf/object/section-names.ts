/**
 * What a section's name says about the program in it: libbpf's own table (src/libbpf.c, section_defs, 1.1 with the
 * additions up to 1.5), then the names of the bcc era, when a prefix was enough (`socket/prog`, `xdp_drop`, `xdp/eth0`,
 * ebpf_exporter's `perf_event/type=0,config=2,frequency=99`) and gobpf had two of its own (`sched_cls/…`, `sched_act/…`).
 */

/** The kernel's program types by number, BPF_PROG_TYPE_* in lower case (include/uapi/linux/bpf.h). */
export const programTypes = [
  'unspec',
  'socket_filter',
  'kprobe',
  'sched_cls',
  'sched_act',
  'tracepoint',
  'xdp',
  'perf_event',
  'cgroup_skb',
  'cgroup_sock',
  'lwt_in',
  'lwt_out',
  'lwt_xmit',
  'sock_ops',
  'sk_skb',
  'cgroup_device',
  'sk_msg',
  'raw_tracepoint',
  'cgroup_sock_addr',
  'lwt_seg6local',
  'lirc_mode2',
  'sk_reuseport',
  'flow_dissector',
  'cgroup_sysctl',
  'raw_tracepoint_writable',
  'cgroup_sockopt',
  'tracing',
  'struct_ops',
  'ext',
  'lsm',
  'sk_lookup',
  'syscall',
  'netfilter',
] as const;

export type ProgramType = (typeof programTypes)[number];

/** libbpf's table: `name+` stands for `name` and `name/…`, `name/` for `name/…` alone, anything else for itself. */
const libbpfSections: Partial<Record<ProgramType, readonly string[]>> = {
  socket_filter: ['socket'],
  sk_reuseport: ['sk_reuseport', 'sk_reuseport/migrate'],
  kprobe: [
    ...[
      'kprobe+',
      'kretprobe+',
      'uprobe+',
      'uprobe.s+',
      'uretprobe+',
      'uretprobe.s+',
      'kprobe.multi+',
      'kretprobe.multi+',
    ],
    ...['kprobe.session+', 'uprobe.multi+', 'uretprobe.multi+', 'uprobe.multi.s+', 'uretprobe.multi.s+'],
    ...['ksyscall+', 'kretsyscall+', 'usdt+', 'usdt.s+'],
  ],
  sched_cls: [
    'tc',
    'classifier',
    'tc/ingress',
    'tc/egress',
    'tcx/ingress',
    'tcx/egress',
    'netkit/primary',
    'netkit/peer',
  ],
  sched_act: ['action'],
  tracepoint: ['tracepoint+', 'tp+'],
  raw_tracepoint: ['raw_tracepoint+', 'raw_tp+'],
  raw_tracepoint_writable: ['raw_tracepoint.w+', 'raw_tp.w+'],
  tracing: ['tp_btf+', 'fentry+', 'fmod_ret+', 'fexit+', 'fentry.s+', 'fmod_ret.s+', 'fexit.s+', 'iter+', 'iter.s+'],
  ext: ['freplace+'],
  lsm: ['lsm+', 'lsm.s+', 'lsm_cgroup+'],
  syscall: ['syscall'],
  xdp: ['xdp', 'xdp.frags', 'xdp/devmap', 'xdp.frags/devmap', 'xdp/cpumap', 'xdp.frags/cpumap'],
  perf_event: ['perf_event'],
  lwt_in: ['lwt_in'],
  lwt_out: ['lwt_out'],
  lwt_xmit: ['lwt_xmit'],
  lwt_seg6local: ['lwt_seg6local'],
  sock_ops: ['sockops'],
  sk_skb: ['sk_skb', 'sk_skb/stream_parser', 'sk_skb/stream_verdict', 'sk_skb/verdict'],
  sk_msg: ['sk_msg'],
  lirc_mode2: ['lirc_mode2'],
  flow_dissector: ['flow_dissector'],
  cgroup_skb: ['cgroup_skb/ingress', 'cgroup_skb/egress', 'cgroup/skb'],
  cgroup_sock: ['cgroup/sock', 'cgroup/sock_create', 'cgroup/sock_release', 'cgroup/post_bind4', 'cgroup/post_bind6'],
  cgroup_sock_addr: [
    ...['cgroup/bind4', 'cgroup/bind6', 'cgroup/connect4', 'cgroup/connect6', 'cgroup/connect_unix'],
    ...[
      'cgroup/sendmsg4',
      'cgroup/sendmsg6',
      'cgroup/sendmsg_unix',
      'cgroup/recvmsg4',
      'cgroup/recvmsg6',
      'cgroup/recvmsg_unix',
    ],
    ...['cgroup/getpeername4', 'cgroup/getpeername6', 'cgroup/getpeername_unix'],
    ...['cgroup/getsockname4', 'cgroup/getsockname6', 'cgroup/getsockname_unix'],
  ],
  cgroup_sysctl: ['cgroup/sysctl'],
  cgroup_sockopt: ['cgroup/getsockopt', 'cgroup/setsockopt'],
  cgroup_device: ['cgroup/dev'],
  struct_ops: ['struct_ops+', 'struct_ops.s+'],
  sk_lookup: ['sk_lookup'],
  netfilter: ['netfilter'],
};

/**
 * Prefixes that libbpf before 1.0 and gobpf took for a program, and the name that libbpf takes today. The longest comes
 * first, since some begin with others.
 */
const oldPrefixes: readonly (readonly [prefix: string, today: string])[] = [
  ['sk_skb/stream_verdict', 'sk_skb/stream_verdict'],
  ['sk_skb/stream_parser', 'sk_skb/stream_parser'],
  ['cgroup_skb/ingress', 'cgroup_skb/ingress'],
  ['cgroup_skb/egress', 'cgroup_skb/egress'],
  ['flow_dissector', 'flow_dissector'],
  ['lwt_seg6local', 'lwt_seg6local'],
  ['cgroup/sysctl', 'cgroup/sysctl'],
  ['socket_filter', 'socket'],
  ['sk_reuseport', 'sk_reuseport'],
  ['cgroup/sock', 'cgroup/sock'],
  ['classifier', 'classifier'],
  ['cgroup/skb', 'cgroup/skb'],
  ['cgroup/dev', 'cgroup/dev'],
  ['perf_event', 'perf_event'],
  ['lirc_mode2', 'lirc_mode2'],
  ['sched_cls', 'tc'],
  ['sched_act', 'action'],
  ['sk_lookup', 'sk_lookup'],
  ['lwt_xmit', 'lwt_xmit'],
  ['sockops', 'sockops'],
  ['lwt_out', 'lwt_out'],
  ['socket', 'socket'],
  ['action', 'action'],
  ['lwt_in', 'lwt_in'],
  ['sk_skb', 'sk_skb'],
  ['sk_msg', 'sk_msg'],
  ['xdp', 'xdp'],
  ['tc', 'tc'],
];

/** `BPF_PROG_TYPE_*` in lower case; `unspec` where the name says nothing. */
export function programTypeOf(section: string): ProgramType {
  return libbpfTypeOf(section) ?? libbpfTypeOf(libbpfSectionName(section)) ?? 'unspec';
}

/** The name by which libbpf ≥ 1.0 knows that kind of program; the section's own where it does, or where nobody does. */
export function libbpfSectionName(section: string): string {
  if (libbpfTypeOf(section) !== undefined) return section;
  const [bare, mark] = withoutMark(section);
  const known = oldPrefixes.find(([prefix]) => bare.startsWith(prefix) && endsWord(bare, prefix.length));
  return known === undefined ? section : mark + known[1];
}

function libbpfTypeOf(section: string): ProgramType | undefined {
  const [name] = withoutMark(section);
  return programTypes.find((type) => libbpfSections[type]?.some((pattern) => matches(pattern, name)));
}

function matches(pattern: string, name: string): boolean {
  if (!pattern.endsWith('+')) return name === pattern;
  const stem = pattern.slice(0, -1);
  return name.startsWith(stem) && (name.length === stem.length || name[stem.length] === '/');
}

/** SEC("?xdp"): not loaded unless asked for; the rest is the name. */
function withoutMark(section: string): readonly [name: string, mark: string] {
  return section.startsWith('?') ? [section.slice(1), '?'] : [section, ''];
}

/** `xdp1`, `xdp_drop` and `xdp/eth0` are xdp; `action` is no part of `actions`, nor `tc` of `tcp`. */
function endsWord(name: string, end: number): boolean {
  const next = name[end];
  return next === undefined || !/[a-z]/i.test(next);
}
