// Question: which packets does the kernel drop, and why?
// Hook:     tracepoint skb:kfree_skb, as BTF or as raw tracepoint. Packets that were consumed do not come by.
// Kernel:   5.10 (BTF of the kernel). Reasons are told since 5.17; before, set by_location.
// Cost:     per packet that is dropped: see docs/programs.md.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#define NO_PROTOCOL 0xffff
#define IPV6_HEADER 40

// The members that are read; their offsets come from the running kernel's BTF.
struct sk_buff {
  __be16 protocol;
  __u16 network_header;
  unsigned char *head;
} __attribute__((preserve_access_index));

// What the running kernel calls its reasons is looked up when they are shown. Where it has none, so is this.
enum skb_drop_reason {
  SKB_DROP_REASON_UNKNOWN = 0,
};

// The tracepoint tells the reason since 5.17, by a third argument.
struct trace_event_raw_kfree_skb {
  enum skb_drop_reason reason;
} __attribute__((preserve_access_index));

struct drop_key {
  __u64 location; // where in the kernel's code; 0 unless by_location
  __u32 reason;   // as this kernel numbers them; SKB_DROP_REASON_UNKNOWN where it tells none
  __u16 family;   // the Ethernet type of IPv4, IPv6 and ARP; 0 for all others
  __u16 protocol; // IPv4's protocol or IPv6's next header; NO_PROTOCOL where there is none
};

// Whether the function that drops is a label too.
const volatile bool by_location = false;

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct drop_key);
  __type(value, __u64);
} drops SEC(".maps");

__u64 drops_uncounted; // the map was full

// What kind of packet it was, as far as it got: the network header of one that came in may not have been found yet.
static __always_inline void set_protocol(struct drop_key *key, const struct sk_buff *skb) {
  __u8 header[10] = {}; // up to the protocol of IPv4
  __u16 offset = BPF_CORE_READ(skb, network_header);
  unsigned char *network;
  key->family = bpf_ntohs(BPF_CORE_READ(skb, protocol));
  key->protocol = NO_PROTOCOL;
  if (key->family == ETH_P_ARP)
    return;
  if (key->family != ETH_P_IP && key->family != ETH_P_IPV6) {
    key->family = 0; // whoever sends to us chooses this number: it must not make series
    return;
  }
  network = BPF_CORE_READ(skb, head) + offset;
  if (bpf_probe_read_kernel(header, sizeof(header), network))
    return;
  if (key->family == ETH_P_IP && header[0] >> 4 == 4)
    key->protocol = header[9];
  else if (key->family == ETH_P_IPV6 && header[0] >> 4 == 6)
    key->protocol = header[6];
  // Multicast listeners send hop-by-hop options before ICMPv6; what is behind them counts.
  if (key->family == ETH_P_IPV6 && key->protocol == 0 && !bpf_probe_read_kernel(header, 1, network + IPV6_HEADER))
    key->protocol = header[0];
}

static __always_inline int on_drop(const struct sk_buff *skb, __u64 location, __u32 reason) {
  struct drop_key key = {.location = by_location ? location : 0, .reason = reason};
  __u64 one = 1;
  __u64 *count;
  set_protocol(&key, skb);
  count = bpf_map_lookup_elem(&drops, &key);
  if (count)
    *count += 1; // this CPU's own value
  else if (bpf_map_update_elem(&drops, &key, &one, BPF_NOEXIST))
    __sync_fetch_and_add(&drops_uncounted, 1);
  return 0;
}

// A constant when the program is loaded: the verifier refuses an argument that the tracepoint does not have, but never
// looks where no path leads.
static __always_inline bool tells_reason(void) {
  return bpf_core_field_exists(struct trace_event_raw_kfree_skb, reason);
}

SEC("tp_btf/kfree_skb")
int drop_btf(__u64 *ctx) {
  __u32 reason = tells_reason() ? ctx[2] : SKB_DROP_REASON_UNKNOWN;
  return on_drop((const struct sk_buff *)ctx[0], ctx[1], reason);
}

SEC("raw_tp/kfree_skb")
int drop_raw(struct bpf_raw_tracepoint_args *ctx) {
  __u32 reason = tells_reason() ? ctx->args[2] : SKB_DROP_REASON_UNKNOWN;
  return on_drop((const struct sk_buff *)ctx->args[0], ctx->args[1], reason);
}

char LICENSE[] SEC("license") = "GPL";
