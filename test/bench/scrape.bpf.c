// The map that the scrape benchmark fills from user space: -DNAME says what it is called, -DENTRIES how large it is, and
// one of -DKEY_INTS, -DKEY_TEXT and -DPER_CPU what is in it. The program is there because an object needs one; its hook
// is one that a benchmark never meets.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct key {
#ifdef KEY_TEXT
  char comm[16];
#else
  __u64 cgroup;
#endif
  __u32 op;
  __u32 error;
};

struct {
#ifdef PER_CPU
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __type(key, __u32);
#else
  __uint(type, BPF_MAP_TYPE_HASH);
  __type(key, struct key);
#endif
  __uint(max_entries, ENTRIES);
  __type(value, __u64);
  __uint(pinning, LIBBPF_PIN_BY_NAME); // our agent pins where it likes; ebpf_exporter finds the same map through this
} NAME SEC(".maps");

SEC("raw_tracepoint/oom_score_adj_update")
int uses_it(void *ctx) {
  struct key key = {};
  __u64 *hits = bpf_map_lookup_elem(&NAME, &key);
  if (hits)
    __sync_fetch_and_add(hits, 1);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
