// Question: how many packets of each IP protocol does this machine see? (1 is ICMP, 6 TCP, 17 UDP, 58 ICMPv6)
// Hook:     socket filter on a packet socket, every interface, both directions: a packet on lo is seen going out and coming in.
// Kernel:   4.18 (bpf_skb_load_bytes_relative).
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stddef.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 256); // the protocol field is one byte
  __type(key, __u32);
  __type(value, __u64);
} packets SEC(".maps");

// Reads from the network header, so that devices without an Ethernet header (tun, ppp) count like the others.
static int protocol_of(struct __sk_buff *skb, __u32 *protocol) {
  __u32 offset;
  __u8 byte;
  switch (skb->protocol) {
  case bpf_htons(ETH_P_IP):
    offset = offsetof(struct iphdr, protocol);
    break;
  case bpf_htons(ETH_P_IPV6):
    offset = offsetof(struct ipv6hdr, nexthdr);
    break;
  default:
    return -1;
  }
  if (bpf_skb_load_bytes_relative(skb, offset, &byte, sizeof(byte), BPF_HDR_START_NET))
    return -1;
  *protocol = byte;
  return 0;
}

SEC("socket")
int count_packets(struct __sk_buff *skb) {
  static const __u64 zero = 0;
  __u32 protocol;
  __u64 *count;
  if (protocol_of(skb, &protocol))
    return 0;
  count = bpf_map_lookup_elem(&packets, &protocol);
  if (!count) {
    // Two CPUs may meet a new protocol at once: only one entry is made, and both count in it.
    bpf_map_update_elem(&packets, &protocol, &zero, BPF_NOEXIST);
    count = bpf_map_lookup_elem(&packets, &protocol);
  }
  if (count)
    __sync_fetch_and_add(count, 1);
  return 0; // nothing of the packet is handed to the socket
}

char LICENSE[] SEC("license") = "GPL";
