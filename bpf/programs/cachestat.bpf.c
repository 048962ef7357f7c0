// Question: how much of what is read or written is in the page cache already?
// Hooks:    BTF tracepoints mm_filemap_add_to_page_cache, writeback_dirty_folio (before 5.18 writeback_dirty_page) and
//           block_dirty_buffer; for accesses there is none, so the function folio_mark_accessed (before 5.16
//           mark_page_accessed), by fentry or kprobe.
// Kernel:   5.5 (BTF tracepoints, and fentry or kprobes).
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

// Pages, or folios where the kernel counts in them.
struct page_cache {
  __u64 accesses;
  __u64 additions;
  __u64 dirtied; // a write puts a page into the cache and dirties it: that was no miss
  __u64 buffers_dirtied; // the kernel's writing of a file system's own blocks, which marks them as accessed too
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct page_cache);
} page_cache SEC(".maps");

// This CPU's own; a lookup in an array of one does not fail, but the verifier wants to see that it was asked.
#define COUNT(member)                                                     \
  ({                                                                      \
    __u32 zero = 0;                                                       \
    struct page_cache *cache = bpf_map_lookup_elem(&page_cache, &zero);   \
    if (cache)                                                            \
      cache->member += 1;                                                 \
    0;                                                                    \
  })

SEC("tp_btf/mm_filemap_add_to_page_cache")
int BPF_PROG(on_add) {
  return COUNT(additions);
}

SEC("tp_btf/writeback_dirty_folio")
int BPF_PROG(on_dirty_folio) {
  return COUNT(dirtied);
}

SEC("tp_btf/writeback_dirty_page")
int BPF_PROG(on_dirty_page) {
  return COUNT(dirtied);
}

SEC("tp_btf/block_dirty_buffer")
int BPF_PROG(on_dirty_buffer) {
  return COUNT(buffers_dirtied);
}

SEC("fentry/folio_mark_accessed")
int BPF_PROG(on_access_folio_fentry) {
  return COUNT(accesses);
}

SEC("kprobe/folio_mark_accessed")
int BPF_KPROBE(on_access_folio_kprobe) {
  return COUNT(accesses);
}

SEC("fentry/mark_page_accessed")
int BPF_PROG(on_access_page_fentry) {
  return COUNT(accesses);
}

SEC("kprobe/mark_page_accessed")
int BPF_KPROBE(on_access_page_kprobe) {
  return COUNT(accesses);
}

char LICENSE[] SEC("license") = "GPL";
