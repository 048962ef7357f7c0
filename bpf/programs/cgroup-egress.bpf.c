// Question: how much IP traffic do the processes of a cgroup send, and in packets of what size?
// Hook:     cgroup_skb/egress of the cgroup2 root, so of every process. Entry i of `egress_sizes` counts packets of
//           2^i to 2^(i+1)-1 bytes, IP header included.
// Kernel:   5.2 (global variables; the hook is there since 4.10).
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define SIZE_CLASSES 18 // up to 256 KiB: BIG TCP packets go above 64 KiB

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, SIZE_CLASSES);
  __type(key, __u32);
  __type(value, __u64);
} egress_sizes SEC(".maps");

__u64 egress_packets_total;
__u64 egress_bytes_total;

static __u32 size_class(__u32 bytes) {
  __u32 log2 = 0;
  for (int i = 0; i < SIZE_CLASSES - 1; i++) {
    bytes >>= 1;
    if (bytes)
      log2++;
  }
  return log2;
}

SEC("cgroup_skb/egress")
int count_egress(struct __sk_buff *skb) {
  __u32 size = size_class(skb->len);
  __u64 *count = bpf_map_lookup_elem(&egress_sizes, &size);
  if (count)
    *count += 1; // this CPU's own value
  __sync_fetch_and_add(&egress_packets_total, 1);
  __sync_fetch_and_add(&egress_bytes_total, skb->len);
  return 1; // let it pass
}

char LICENSE[] SEC("license") = "GPL";
