// Question: which system calls does this machine make, how often, and which of them fail with what?
// Hook:     tracepoint sys_exit, as BTF (5.11) or as raw tracepoint.
// Kernel:   5.10 (BTF of the kernel).
// Cost:     per system call of every process, so this is the one to measure: see docs/programs.md.
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <stdbool.h>

#define MAX_ERRNO 4095   // include/linux/err.h: results from -4095 to -1 are errors
#define MAX_SYSCALL 1024 // the highest number of any architecture is below 600

// Numbers that no call has, for what has no name. The manifest gives them one.
#define FORGOTTEN (-1) // what the kernel writes over the number when a signal handler returns
#define COMPAT (-2)    // by a 32-bit process, which has a table of its own
#define OTHER (-3)     // there is no such call: callers choose the number, it must not make series

// The members that are read; their offsets come from the running kernel's BTF.
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
  unsigned long orig_ax;
} __attribute__((preserve_access_index));
#define SYSCALL_NUMBER orig_ax

struct thread_info {
  unsigned int status;
} __attribute__((preserve_access_index));
#define COMPAT_MEMBER status
#define COMPAT_FLAG 0x2 // TS_COMPAT of arch/x86/include/asm/thread_info.h
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
  int syscallno;
} __attribute__((preserve_access_index));
#define SYSCALL_NUMBER syscallno

struct thread_info {
  unsigned long flags;
} __attribute__((preserve_access_index));
#define COMPAT_MEMBER flags
#define COMPAT_FLAG (1UL << 22) // TIF_32BIT of arch/arm64/include/asm/thread_info.h
#else
#error "where does this architecture keep a system call's number?"
#endif

struct task_struct {
  struct thread_info thread_info;
} __attribute__((preserve_access_index));

struct syscall_key {
  __s32 number;
  __u32 error; // positive, 0 for none
};

// Whether only calls that fail are counted.
const volatile bool errors_only = false;

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct syscall_key);
  __type(value, __u64);
} syscalls SEC(".maps");

__u64 syscalls_uncounted; // the map was full

static __always_inline int count(__s64 number, __s64 result, bool compat) {
  struct syscall_key key = {.number = number};
  __u64 one = 1;
  __u64 *calls;
  if (number == FORGOTTEN)
    result = 0; // the registers are those of what the signal broke into
  else if (compat)
    key.number = COMPAT;
  else if (number < 0 || number >= MAX_SYSCALL)
    key.number = OTHER;
  if (result < 0 && result >= -MAX_ERRNO)
    key.error = -result;
  else if (errors_only)
    return 0;
  calls = bpf_map_lookup_elem(&syscalls, &key);
  if (calls)
    *calls += 1; // this CPU's own value
  else if (bpf_map_update_elem(&syscalls, &key, &one, BPF_NOEXIST))
    __sync_fetch_and_add(&syscalls_uncounted, 1);
  return 0;
}

// Its loads take half the time of the calls that the other needs.
SEC("tp_btf/sys_exit")
int BPF_PROG(syscall_btf, struct pt_regs *regs, long result) {
  struct task_struct *task = bpf_get_current_task_btf();
  return count(regs->SYSCALL_NUMBER, result, task->thread_info.COMPAT_MEMBER & COMPAT_FLAG);
}

SEC("raw_tp/sys_exit")
int BPF_PROG(syscall_raw, struct pt_regs *regs, long result) {
  struct task_struct *task = (void *)bpf_get_current_task();
  __s64 number = BPF_CORE_READ(regs, SYSCALL_NUMBER);
  return count(number, result, BPF_CORE_READ(task, thread_info.COMPAT_MEMBER) & COMPAT_FLAG);
}

char LICENSE[] SEC("license") = "GPL";
