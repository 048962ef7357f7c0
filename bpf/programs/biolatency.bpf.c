// Question: how long do disks take, by device and operation?
// Hooks:    BTF tracepoints block_rq_issue and block_rq_complete. From when the driver is handed a request until it has
//           answered all of it; with `include_queue` from when the request was made, as in /proc/diskstats.
// Kernel:   5.5 (BTF tracepoints).
#include <linux/bpf.h>
#include <linux/version.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <stdbool.h>
#include "find-or-insert.h"
#include "log2.h"

#define SLOTS 27 // the last holds all from 2^26 microseconds, a minute, on
#define OPERATION_MASK 0xff // REQ_OP_MASK: the rest of cmd_flags is how, not what

const volatile bool include_queue = false; // kernels keep no time for it where queue/iostats of the disk is 0

// The members that are read; their offsets come from the running kernel's BTF.
struct gendisk {
  char disk_name[32];
} __attribute__((preserve_access_index));

struct request_queue {
  struct gendisk *disk;
} __attribute__((preserve_access_index));

struct request {
  struct request_queue *q;
  unsigned int cmd_flags;
  unsigned int __data_len;
  __u64 start_time_ns;
} __attribute__((preserve_access_index));

// Before 5.17 a request knew its disk itself.
struct request___before_5_17 {
  struct gendisk *rq_disk;
} __attribute__((preserve_access_index));

// By name rather than by number: it needs no table, and is there for disks that user space does not see (the paths of a
// multipath NVMe) or no longer sees.
struct operation {
  char device[32];
  __u32 operation; // enum req_op
};

struct latencies {
  __u64 slots[SLOTS]; // slot i: from 2^i to 2^(i+1)-1 microseconds; slot 0 holds 0 too
  __u64 total_us;
};

// When the driver was handed each request. Requests live in fixed tables, one for each tag: there are as many keys as
// tags in use, and what was never completed is overwritten by the next of its tag.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16384);
  __type(key, __u64);
  __type(value, __u64);
} issued_at SEC(".maps");

// Of more than fit, those that were quiet the longest go.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1024);
  __type(key, struct operation);
  __type(value, struct latencies);
} block_io SEC(".maps");

__u64 uncounted; // requests for which issued_at had no room

extern int LINUX_KERNEL_VERSION __kconfig;

static int issued(struct request *request) {
  __u64 key = (__u64)request;
  __u64 now;
  if (include_queue)
    return 0;
  now = bpf_ktime_get_ns();
  if (bpf_map_update_elem(&issued_at, &key, &now, BPF_ANY))
    __sync_fetch_and_add(&uncounted, 1);
  return 0;
}

// When it began, and 0 where nobody saw that.
static __u64 began(struct request *request) {
  __u64 key = (__u64)request;
  __u64 *at;
  __u64 ns;
  if (include_queue)
    return request->start_time_ns;
  at = bpf_map_lookup_elem(&issued_at, &key);
  if (!at)
    return 0;
  ns = *at;
  bpf_map_delete_elem(&issued_at, &key);
  return ns;
}

static struct gendisk *disk_of(struct request *request) {
  struct request___before_5_17 *old = (void *)request;
  if (bpf_core_field_exists(old->rq_disk))
    return old->rq_disk;
  return request->q->disk;
}

// Before 5.11 the arguments are (struct request_queue *, struct request *). The verifier sees only the branch that is
// taken, and refuses an argument that is not there: in kernels that are older and took the change, as Debian's 5.10.
SEC("tp_btf/block_rq_issue")
int BPF_PROG(on_issue) {
  if (LINUX_KERNEL_VERSION < KERNEL_VERSION(5, 11, 0))
    return issued((struct request *)ctx[1]);
  return issued((struct request *)ctx[0]);
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(on_issue_backported, struct request *request) {
  return issued(request);
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(on_complete, struct request *request, int error, unsigned int bytes) {
  static const struct latencies zero;
  struct operation key = {.operation = request->cmd_flags & OPERATION_MASK};
  struct latencies *latencies;
  struct gendisk *disk;
  __u64 began_ns;
  __u64 us;
  __u32 slot;
  if (bytes < request->__data_len) // a part of it: there is more to come
    return 0;
  began_ns = began(request);
  disk = disk_of(request);
  if (!began_ns || !disk) // a SCSI command to what is no disk
    return 0;
  us = (bpf_ktime_get_ns() - began_ns) / 1000;
  bpf_core_read_str(key.device, sizeof(key.device), &disk->disk_name);
  latencies = find_or_insert(&block_io, &key, &zero);
  if (!latencies)
    return 0;
  slot = log2_of(us);
  if (slot >= SLOTS)
    slot = SLOTS - 1;
  __sync_fetch_and_add(&latencies->slots[slot], 1);
  __sync_fetch_and_add(&latencies->total_us, us);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
