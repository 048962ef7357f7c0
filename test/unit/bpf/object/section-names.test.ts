import { libbpfSectionName, programTypeOf, programTypes } from '../../../../bpf/object/section-names.ts';

test.each([
  // libbpf's own, exact and with a suffix
  ['socket', 'socket_filter', 'socket'],
  ['kprobe/do_sys_open', 'kprobe', 'kprobe/do_sys_open'],
  ['kprobe', 'kprobe', 'kprobe'],
  ['kretprobe.multi/tcp_*', 'kprobe', 'kretprobe.multi/tcp_*'],
  ['uprobe//usr/lib/libc.so.6:malloc', 'kprobe', 'uprobe//usr/lib/libc.so.6:malloc'],
  ['usdt/./app:provider:name', 'kprobe', 'usdt/./app:provider:name'],
  ['tracepoint/syscalls/sys_enter_write', 'tracepoint', 'tracepoint/syscalls/sys_enter_write'],
  ['tp/sched/sched_switch', 'tracepoint', 'tp/sched/sched_switch'],
  ['raw_tp/sched_switch', 'raw_tracepoint', 'raw_tp/sched_switch'],
  ['raw_tp.w/x', 'raw_tracepoint_writable', 'raw_tp.w/x'],
  ['tp_btf/sched_switch', 'tracing', 'tp_btf/sched_switch'],
  ['fentry.s/x', 'tracing', 'fentry.s/x'],
  ['lsm/file_open', 'lsm', 'lsm/file_open'],
  ['xdp', 'xdp', 'xdp'],
  ['xdp.frags/devmap', 'xdp', 'xdp.frags/devmap'],
  ['tc', 'sched_cls', 'tc'],
  ['tcx/ingress', 'sched_cls', 'tcx/ingress'],
  ['cgroup_skb/egress', 'cgroup_skb', 'cgroup_skb/egress'],
  ['cgroup/connect4', 'cgroup_sock_addr', 'cgroup/connect4'],
  ['cgroup/sock_release', 'cgroup_sock', 'cgroup/sock_release'],
  ['sockops', 'sock_ops', 'sockops'],
  ['struct_ops/init', 'struct_ops', 'struct_ops/init'],
  ['netfilter', 'netfilter', 'netfilter'],
  // SEC("?…") is not loaded by itself
  ['?xdp', 'xdp', '?xdp'],
  ['?socket/prog', 'socket_filter', '?socket'],
  // the bcc era: a prefix was enough
  ['socket/prog', 'socket_filter', 'socket'],
  ['socket1', 'socket_filter', 'socket'],
  ['socket_filter', 'socket_filter', 'socket'],
  ['xdp/eth0', 'xdp', 'xdp'],
  ['xdp_drop', 'xdp', 'xdp'],
  ['xdp1', 'xdp', 'xdp'],
  ['perf_event/type=0,config=2,frequency=99', 'perf_event', 'perf_event'],
  ['classifier/ingress', 'sched_cls', 'classifier'],
  ['tc_ingress', 'sched_cls', 'tc'],
  ['action/drop', 'sched_act', 'action'],
  ['sched_cls/x', 'sched_cls', 'tc'],
  ['sched_act/x', 'sched_act', 'action'],
  ['cgroup/skb/x', 'cgroup_skb', 'cgroup/skb'],
  ['sk_skb/stream_verdict/1', 'sk_skb', 'sk_skb/stream_verdict'],
  // names that say nothing, some of them nearly something
  ['', 'unspec', ''],
  ['?', 'unspec', '?'],
  ['prog', 'unspec', 'prog'],
  ['socketry', 'unspec', 'socketry'],
  ['tcp', 'unspec', 'tcp'],
  ['actions', 'unspec', 'actions'],
  ['xdpx', 'unspec', 'xdpx'],
  ['kprobes/x', 'unspec', 'kprobes/x'],
  ['Socket', 'unspec', 'Socket'],
])('%s is of type %s and called %s today', (section, type, today) => {
  expect([programTypeOf(section), libbpfSectionName(section)]).toEqual([type, today]);
});

test("program types are numbered as the kernel's", () => {
  const number = (name: (typeof programTypes)[number]) => programTypes.indexOf(name);
  expect([number('kprobe'), number('xdp'), number('raw_tracepoint'), number('tracing'), number('netfilter')]).toEqual([
    2, 6, 17, 26, 32,
  ]);
});
