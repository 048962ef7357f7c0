// Question: how long do threads that could run wait for a CPU?
// Hook:     BTF tracepoints sched_wakeup, sched_wakeup_new and sched_switch.
// Kernel:   5.5 (BTF tracepoints).
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <stdbool.h>
#include "log2.h"

#define SLOTS 26 // the last holds all from 2^25 microseconds, half a minute, on
#define TASK_RUNNING 0

// The members that are read; their offsets come from the running kernel's BTF.
struct task_struct {
  int pid;
  unsigned int __state;
} __attribute__((preserve_access_index));

// Before 5.14 it had another name and type.
struct task_struct___before_5_14 {
  volatile long state;
} __attribute__((preserve_access_index));

struct waits {
  __u64 slots[SLOTS]; // slot i: from 2^i to 2^(i+1)-1 microseconds; slot 0 holds 0 too
  __u64 total_us;
};

// When each waiting thread began to wait. Threads that are gone make room by themselves.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, __u32);
  __type(value, __u64);
} waiting_since SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct waits);
} run_queue_waits SEC(".maps");

static int begin(struct task_struct *task) {
  __u32 pid = BPF_CORE_READ(task, pid);
  __u64 now;
  if (!pid) // the idle thread waits for nothing
    return 0;
  now = bpf_ktime_get_ns();
  bpf_map_update_elem(&waiting_since, &pid, &now, BPF_ANY);
  return 0;
}

static bool is_running(struct task_struct *task) {
  struct task_struct___before_5_14 *old = (void *)task;
  if (bpf_core_field_exists(task->__state))
    return BPF_CORE_READ(task, __state) == TASK_RUNNING;
  return BPF_CORE_READ(old, state) == TASK_RUNNING;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *task) {
  return begin(task);
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_wakeup_new, struct task_struct *task) {
  return begin(task);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next) {
  __u32 pid = BPF_CORE_READ(next, pid);
  __u32 zero = 0;
  struct waits *waits;
  __u64 *since;
  __u64 us;
  __u32 slot;
  // Whoever was pushed off the CPU waits again from now on.
  if (is_running(prev))
    begin(prev);
  since = bpf_map_lookup_elem(&waiting_since, &pid);
  if (!since)
    return 0;
  us = (bpf_ktime_get_ns() - *since) / 1000;
  bpf_map_delete_elem(&waiting_since, &pid);
  waits = bpf_map_lookup_elem(&run_queue_waits, &zero);
  if (!waits)
    return 0;
  slot = log2_of(us);
  if (slot >= SLOTS)
    slot = SLOTS - 1;
  waits->slots[slot] += 1; // this CPU's own
  waits->total_us += us;
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
