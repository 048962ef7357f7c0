// Question: which containers start programs, and how many?
// Hook:     BTF tracepoint sched_process_exec, which comes after a successful exec.
// Kernel:   5.5 (BTF tracepoints).
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "find-or-insert.h"

// By cgroup of version 2. Containers come and go: of more than fit, those that were quiet the longest go.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 8192);
  __type(key, __u64);
  __type(value, __u64);
} cgroup_execs SEC(".maps");

SEC("tp_btf/sched_process_exec")
int BPF_PROG(count_exec) {
  static const __u64 zero = 0;
  __u64 cgroup = bpf_get_current_cgroup_id();
  __u64 *count = find_or_insert(&cgroup_execs, &cgroup, &zero);
  if (count)
    __sync_fetch_and_add(count, 1);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
