// The map that the scrape benchmark fills from user space: -DNAME says what it is called, -DENTRIES how large it is, and
// one of -DKEY_INTS, -DKEY_TEXT, -DPER_CPU, -DSLOTS and -DBUCKETS what is in it. The last two hold the same histograms:
// as an array of slots in the value, and as ebpf_exporter wants them, a key for each bucket. The program is there because
// an object needs one; its hook is one that a benchmark never meets.
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
#ifdef BUCKETS
  __u32 bucket;
  __u32 none;
#endif
};

#ifdef SLOTS
typedef struct {
  __u32 slots[27];
  __u64 sum;
} value_t;
#else
typedef __u64 value_t;
#endif

struct {
#ifdef PER_CPU
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __type(key, __u32);
#else
  __uint(type, BPF_MAP_TYPE_HASH);
  __type(key, struct key);
#endif
  __uint(max_entries, ENTRIES);
  __type(value, value_t);
  __uint(pinning, LIBBPF_PIN_BY_NAME); // our agent pins where it likes; ebpf_exporter finds the same map through this
} NAME SEC(".maps");

SEC("raw_tracepoint/oom_score_adj_update")
int uses_it(void *ctx) {
  struct key key = {};
  return bpf_map_lookup_elem(&NAME, &key) != NULL;
}

char LICENSE[] SEC("license") = "GPL";
