// Question: where does the kernel kill processes for want of memory?
// Hook:     BTF tracepoint mark_victim. Before 6.9 it knows only the victim's number (unless the change was taken into an
//           older kernel, as into Debian's), so there the function that it stands in, by fentry or kprobe.
// Kernel:   5.5 (BTF, and fentry or kprobes).
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "find-or-insert.h"

// The members that are read; their offsets come from the running kernel's BTF.
struct kernfs_node {
  __u64 id;
} __attribute__((preserve_access_index));

struct cgroup {
  struct kernfs_node *kn;
} __attribute__((preserve_access_index));

struct css_set {
  struct cgroup *dfl_cgrp; // of version 2
} __attribute__((preserve_access_index));

struct task_struct {
  struct css_set *cgroups;
  char comm[16];
} __attribute__((preserve_access_index));

struct victim {
  __u64 cgroup;
  char comm[16];
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 512);
  __type(key, struct victim);
  __type(value, __u64);
} victims SEC(".maps");

__u64 kills; // of the whole machine: there from the start, so that the first one is an increase

static int count(const struct victim *victim) {
  static const __u64 zero = 0;
  __u64 *count = find_or_insert(&victims, victim, &zero);
  if (count)
    __sync_fetch_and_add(count, 1);
  __sync_fetch_and_add(&kills, 1);
  return 0;
}

// Follows the pointers itself, which the verifier allows where the argument is a task, and refuses where it is a number.
SEC("tp_btf/mark_victim")
int BPF_PROG(on_victim, struct task_struct *task) {
  struct victim victim = {.cgroup = task->cgroups->dfl_cgrp->kn->id};
  bpf_core_read_str(victim.comm, sizeof(victim.comm), &task->comm);
  return count(&victim);
}

static int on_call(struct task_struct *task) {
  struct victim victim = {.cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id)};
  bpf_core_read_str(victim.comm, sizeof(victim.comm), &task->comm);
  return count(&victim);
}

SEC("fentry/mark_oom_victim")
int BPF_PROG(on_victim_fentry, struct task_struct *task) {
  return on_call(task);
}

SEC("kprobe/mark_oom_victim")
int BPF_KPROBE(on_victim_kprobe, struct task_struct *task) {
  return on_call(task);
}

char LICENSE[] SEC("license") = "GPL";
