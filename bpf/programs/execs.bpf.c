// Question: which commands are started, and by which user?
// Hook:     tracepoint sched:sched_process_exec, which comes after a successful exec, when the task bears its new name.
// Kernel:   4.7 (programs on tracepoints).
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct exec_key {
  char comm[16];
  __u32 uid;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4096);
  __type(key, struct exec_key);
  __type(value, __u64);
} execs_total SEC(".maps");

SEC("tracepoint/sched/sched_process_exec")
int count_exec(void *ctx) {
  static const __u64 zero = 0;
  struct exec_key key = {.uid = (__u32)bpf_get_current_uid_gid()}; // the lower half is the user
  __u64 *count;
  bpf_get_current_comm(key.comm, sizeof(key.comm));
  count = bpf_map_lookup_elem(&execs_total, &key);
  if (!count) {
    bpf_map_update_elem(&execs_total, &key, &zero, BPF_NOEXIST);
    count = bpf_map_lookup_elem(&execs_total, &key);
  }
  if (count)
    __sync_fetch_and_add(count, 1);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
