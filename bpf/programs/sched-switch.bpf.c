// Question: which commands leave the CPU, and do they go by themselves or are they pushed off it?
// Hook:     BTF tracepoint sched_switch.
// Kernel:   5.5 (BTF tracepoints).
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <stdbool.h>

// The one member that is read; its offset comes from the running kernel's BTF.
struct task_struct {
  char comm[16];
} __attribute__((preserve_access_index));

struct switch_key {
  char comm[16];
  __u32 preempted; // 1: it still had work to do
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 8192);
  __type(key, struct switch_key);
  __type(value, __u64);
} switches_total SEC(".maps");

__u64 switches_uncounted_total; // the map was full

SEC("tp_btf/sched_switch")
int BPF_PROG(count_switch, bool preempt, struct task_struct *prev) {
  struct switch_key key = {.preempted = preempt};
  __u64 *count;
  __u64 one = 1;
  bpf_core_read_str(key.comm, sizeof(key.comm), &prev->comm);
  count = bpf_map_lookup_elem(&switches_total, &key);
  if (count)
    *count += 1; // this CPU's own value
  else if (bpf_map_update_elem(&switches_total, &key, &one, BPF_NOEXIST))
    __sync_fetch_and_add(&switches_uncounted_total, 1);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
