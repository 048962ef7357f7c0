// Question: which commands call write(2), how often, and how many bytes do they hand over?
// Hook:     tracepoint syscalls:sys_enter_write. `bytes` is what was asked for; what was written may be less.
// Kernel:   5.5 (BTF of the kernel, for the place of the arguments).
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

// The one member that is read; its offset comes from the running kernel's BTF.
struct trace_event_raw_sys_enter {
  unsigned long args[6];
} __attribute__((preserve_access_index));

struct writer {
  char comm[16];
};

struct written {
  __u64 calls;
  __u64 bytes;
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH); // of more commands than fit, those that were quiet the longest go
  __uint(max_entries, 4096);
  __type(key, struct writer);
  __type(value, struct written);
} writes SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_write")
int count_write(struct trace_event_raw_sys_enter *ctx) {
  static const struct written zero;
  struct writer key = {};
  struct written *sum;
  bpf_get_current_comm(key.comm, sizeof(key.comm));
  sum = bpf_map_lookup_elem(&writes, &key);
  if (!sum) {
    bpf_map_update_elem(&writes, &key, &zero, BPF_NOEXIST);
    sum = bpf_map_lookup_elem(&writes, &key);
  }
  if (sum) {
    __sync_fetch_and_add(&sum->calls, 1);
    __sync_fetch_and_add(&sum->bytes, ctx->args[2]); // write(fd, buf, count)
  }
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
