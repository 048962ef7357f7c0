// Question: how long do TCP connections live, and how much do they carry?
// Hook:     tracepoint sock:inet_sock_set_state, as BTF or as raw tracepoint.
// Kernel:   5.10 (BTF of the kernel).
// Cost:     per change of a TCP socket's state, about five at each end: see docs/programs.md.
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <stdbool.h>
#include "log2.h"

#define IPPROTO_TCP 6
#define DURATION_SLOTS 38 // the last holds all from 2^37 microseconds, a day and a half, on
#define BYTE_SLOTS 15     // the last holds all from 4^15 bytes, a gibibyte, on

// As in net/tcp_states.h.
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_CLOSE 7
#define TCP_LISTEN 10

// The members that are read; their offsets come from the running kernel's BTF.
struct sock_common {
  unsigned long skc_flags;
} __attribute__((preserve_access_index));

struct sock {
  struct sock_common __sk_common;
  __u16 sk_protocol;
} __attribute__((preserve_access_index));

struct tcp_sock {
  __u64 bytes_sent;
  __u64 bytes_retrans;
  __u64 bytes_received;
} __attribute__((preserve_access_index));

enum sock_flags {
  SOCK_DONE = 1, // bit of skc_flags: the peer's FIN is in
};

// Indexes of tcp_connections.
enum role {
  ACTIVE,  // connected
  PASSIVE, // accepted
  ROLES,
};

struct connection {
  __u64 since_ns;
  __u64 role;
};

// Bytes of payload, in one direction. Slot 0: none; slot 1: up to 63; each further one up to four times as much.
struct carried {
  __u64 slots[BYTE_SLOTS];
  __u64 total;
};

struct lifetimes {
  __u64 slots[DURATION_SLOTS]; // slot i: from 2^i to 2^(i+1)-1 microseconds; slot 0 holds 0 too
  __u64 total_us;
  struct carried sent;
  struct carried received;
};

// The open connections, by their sockets. Those of which no end is seen make room by themselves.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 65536);
  __type(key, __u64);
  __type(value, struct connection);
} open_connections SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, ROLES);
  __type(key, __u32);
  __type(value, struct lifetimes);
} tcp_connections SEC(".maps");

__u64 tcp_connections_unseen; // closed, but their beginning was before ours, or had to make room

static __always_inline void add_bytes(struct carried *carried, __u64 bytes) {
  __u32 fourfold = log2_of(bytes) / 2;
  __u32 slot = !bytes ? 0 : fourfold < 3 ? 1 : fourfold - 1;
  if (slot >= BYTE_SLOTS)
    slot = BYTE_SLOTS - 1;
  carried->slots[slot] += 1; // this CPU's own
  carried->total += bytes;
}

static __always_inline __u64 payload_sent(const struct tcp_sock *tcp) {
  __u64 sent = BPF_CORE_READ(tcp, bytes_sent);
  __u64 again = BPF_CORE_READ(tcp, bytes_retrans);
  return sent > again ? sent - again : 0;
}

// The kernel counts a FIN as a byte.
static __always_inline __u64 payload_received(const struct sock *sk) {
  __u64 received = BPF_CORE_READ((const struct tcp_sock *)sk, bytes_received);
  bool fin = BPF_CORE_READ(sk, __sk_common.skc_flags) >> bpf_core_enum_value(enum sock_flags, SOCK_DONE) & 1;
  return received && fin ? received - 1 : received;
}

static __always_inline void begin(__u64 key, int old_state) {
  struct connection connection = {
      .since_ns = bpf_ktime_get_ns(),
      .role = old_state == TCP_SYN_SENT ? ACTIVE : PASSIVE,
  };
  bpf_map_update_elem(&open_connections, &key, &connection, BPF_ANY);
}

static __always_inline void end(__u64 key, const struct sock *sk) {
  struct connection *connection = bpf_map_lookup_elem(&open_connections, &key);
  struct lifetimes *lifetimes;
  __u32 role, slot;
  __u64 us;
  if (!connection) {
    __sync_fetch_and_add(&tcp_connections_unseen, 1);
    return;
  }
  us = (bpf_ktime_get_ns() - connection->since_ns) / 1000;
  role = connection->role;
  bpf_map_delete_elem(&open_connections, &key);
  lifetimes = bpf_map_lookup_elem(&tcp_connections, &role);
  if (!lifetimes)
    return;
  slot = log2_of(us);
  if (slot >= DURATION_SLOTS)
    slot = DURATION_SLOTS - 1;
  lifetimes->slots[slot] += 1; // this CPU's own
  lifetimes->total_us += us;
  add_bytes(&lifetimes->sent, payload_sent((const struct tcp_sock *)sk));
  add_bytes(&lifetimes->received, payload_received(sk));
}

static __always_inline int on_state(const struct sock *sk, int old_state, int new_state) {
  if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP) // SCTP and MPTCP come by too
    return 0;
  if (new_state == TCP_ESTABLISHED)
    begin((__u64)sk, old_state);
  // Listeners and connections that never came about close from these states.
  else if (new_state == TCP_CLOSE && old_state != TCP_LISTEN && old_state != TCP_SYN_SENT && old_state != TCP_SYN_RECV)
    end((__u64)sk, sk);
  return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(state_btf, const struct sock *sk, int old_state, int new_state) {
  return on_state(sk, old_state, new_state);
}

SEC("raw_tp/inet_sock_set_state")
int BPF_PROG(state_raw, const struct sock *sk, int old_state, int new_state) {
  return on_state(sk, old_state, new_state);
}

char LICENSE[] SEC("license") = "GPL";
