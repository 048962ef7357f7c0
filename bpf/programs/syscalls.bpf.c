// Question: which system calls does this machine make, and how often?
// Hook:     raw tracepoint sys_enter.
// Kernel:   4.17 (raw tracepoints).
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 1024); // the highest number of any architecture is below 600
  __type(key, __u32);
  __type(value, __u64);
} syscalls_total SEC(".maps");

SEC("raw_tp/sys_enter")
int count_syscall(struct bpf_raw_tracepoint_args *ctx) {
  __u32 number = ctx->args[1]; // TP_PROTO(struct pt_regs *regs, long id)
  __u64 *count = bpf_map_lookup_elem(&syscalls_total, &number);
  __u64 one = 1;
  if (count)
    *count += 1; // this CPU's own value
  else
    bpf_map_update_elem(&syscalls_total, &number, &one, BPF_NOEXIST);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
