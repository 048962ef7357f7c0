// Question: how many TCP segments does this machine send again, why, and in which part of a connection's life?
// Hook:     tracepoints tcp:tcp_retransmit_skb and tcp:tcp_retransmit_synack, as BTF or as raw tracepoints.
// Kernel:   5.10 (BTF of the kernel).
// Cost:     per segment that is sent again, so next to nothing on a sound network: see docs/programs.md.
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <stdbool.h>
#include "find-or-insert.h"

#define AF_INET 2
#define AF_INET6 10

// The members that are read; their offsets come from the running kernel's BTF.
struct in6_addr {
  union {
    __be32 u6_addr32[4];
  } in6_u;
} __attribute__((preserve_access_index));

struct sock_common {
  __be32 skc_daddr;
  unsigned short skc_family;
  volatile unsigned char skc_state;
  struct in6_addr skc_v6_daddr;
} __attribute__((preserve_access_index));

struct sock {
  struct sock_common __sk_common;
} __attribute__((preserve_access_index));

struct request_sock {
  struct sock_common __req_common;
} __attribute__((preserve_access_index));

struct inet_connection_sock {
  __u8 icsk_ca_state : 5;
} __attribute__((preserve_access_index));

struct sk_buff {
  char cb[48];
} __attribute__((preserve_access_index));

// What TCP keeps in sk_buff.cb.
struct tcp_skb_cb {
  __u16 tcp_gso_segs;
} __attribute__((preserve_access_index));

// Since 6.17 the tracepoint tells of segments too that could not be sent, by a third argument.
struct trace_event_raw_tcp_retransmit_skb {
  int err;
} __attribute__((preserve_access_index));

// As in net/tcp_states.h; the names are the label's values.
enum tcp_state {
  established = 1,
  syn_sent = 2,
  syn_recv = 3,
  fin_wait1 = 4,
  fin_wait2 = 5,
  time_wait = 6,
  closed = 7,
  close_wait = 8,
  last_ack = 9,
  listen = 10,
  closing = 11,
  new_syn_recv = 12,
};

// The names are the label's values.
enum cause {
  handshake, // SYN or SYN-ACK
  timeout,   // after the retransmission timer has run out
  fast,      // acknowledgements told of the loss
  probe,     // a tail loss probe: nothing came back, and the timer was still far
};

// enum tcp_ca_state of linux/tcp.h
#define TCP_CA_Recovery 3
#define TCP_CA_Loss 4

struct retransmit_key {
  __be32 remote[4]; // IPv4 as ::ffff:a.b.c.d; zero unless by_remote
  __u32 family;
  enum tcp_state state;
  enum cause cause;
};

// Whether each remote address has series of its own: as many as there are peers with losses.
const volatile bool by_remote = false;

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH); // of more peers than fit, those that were quiet the longest go
  __uint(max_entries, 8192);
  __type(key, struct retransmit_key);
  __type(value, __u64);
} tcp_retransmits SEC(".maps");

// Dual-stack sockets, such as all of Go's, have IPv4 peers by mapped addresses: what is on the wire counts.
static __always_inline void set_remote(struct retransmit_key *key, const struct sock_common *common) {
  __be32 address[4] = {0, 0, bpf_htonl(0xffff), 0};
  __u16 family = BPF_CORE_READ(common, skc_family);
  if (family == AF_INET6)
    bpf_core_read(address, sizeof(address), &common->skc_v6_daddr);
  else
    address[3] = BPF_CORE_READ(common, skc_daddr);
  if (!address[0] && !address[1] && address[2] == bpf_htonl(0xffff))
    family = AF_INET;
  key->family = family;
  if (by_remote)
    __builtin_memcpy(key->remote, address, sizeof(address));
}

static __always_inline int count(const struct retransmit_key *key, __u64 segments) {
  static const __u64 zero = 0;
  __u64 *sum = find_or_insert(&tcp_retransmits, key, &zero);
  if (sum)
    __sync_fetch_and_add(sum, segments);
  return 0;
}

static __always_inline enum cause cause_of(const struct sock *sk, __u8 state) {
  const struct inet_connection_sock *connection = (const void *)sk;
  if (state == syn_sent || state == syn_recv)
    return handshake;
  switch (BPF_CORE_READ_BITFIELD_PROBED(connection, icsk_ca_state)) {
  case TCP_CA_Loss:
    return timeout;
  case TCP_CA_Recovery:
    return fast;
  default:
    return probe;
  }
}

static __always_inline int on_segment(const struct sock *sk, const struct sk_buff *skb) {
  struct retransmit_key key = {};
  const struct tcp_skb_cb *control = (const void *)&skb->cb;
  __u16 segments = BPF_CORE_READ(control, tcp_gso_segs);
  __u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
  key.state = state;
  key.cause = cause_of(sk, state);
  set_remote(&key, &sk->__sk_common);
  return count(&key, segments ? segments : 1);
}

static __always_inline int on_synack(const struct request_sock *request) {
  struct retransmit_key key = {.state = syn_recv, .cause = handshake};
  set_remote(&key, &request->__req_common);
  return count(&key, 1);
}

SEC("tp_btf/tcp_retransmit_skb")
int retransmit_btf(__u64 *ctx) {
  if (bpf_core_field_exists(struct trace_event_raw_tcp_retransmit_skb, err) && (int)ctx[2])
    return 0;
  return on_segment((const struct sock *)ctx[0], (const struct sk_buff *)ctx[1]);
}

SEC("raw_tp/tcp_retransmit_skb")
int retransmit_raw(struct bpf_raw_tracepoint_args *ctx) {
  if (bpf_core_field_exists(struct trace_event_raw_tcp_retransmit_skb, err) && (int)ctx->args[2])
    return 0;
  return on_segment((const struct sock *)ctx->args[0], (const struct sk_buff *)ctx->args[1]);
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(retransmit_synack_btf, const struct sock *listener, const struct request_sock *request) {
  return on_synack(request);
}

SEC("raw_tp/tcp_retransmit_synack")
int BPF_PROG(retransmit_synack_raw, const struct sock *listener, const struct request_sock *request) {
  return on_synack(request);
}

char LICENSE[] SEC("license") = "GPL";
