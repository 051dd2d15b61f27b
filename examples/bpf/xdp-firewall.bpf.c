/* SPDX-License-Identifier: Apache-2.0 */
/* XDP: counts packets by protocol, drops UDP to listed ports, answers nothing else. */
#include "vm.h"

struct counter {
  u64 packets, bytes;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 512);
  __type(key, u32);
  __type(value, struct counter);
} by_protocol SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 64);
  __type(key, u16);
  __type(value, u8);
} closed_ports SEC(".maps");

static inline_always void count(u32 protocol, u64 bytes) {
  struct counter *known = bpf_map_lookup_elem(&by_protocol, &protocol);
  if (known) {
    known->packets++;
    known->bytes += bytes;
    return;
  }
  struct counter first = {1, bytes};
  bpf_map_update_elem(&by_protocol, &protocol, &first, 0);
}

SEC("xdp")
int xdp_firewall(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  if ((void *)(eth + 1) > end) return XDP_ABORTED;
  if (eth->proto != htons(0x0800)) {
    count(0x10000 | ntohs(eth->proto), end - data);
    return XDP_PASS;
  }
  struct iphdr *ip = (void *)(eth + 1);
  if ((void *)(ip + 1) > end || ip->ihl < 5) return XDP_DROP;
  count(ip->protocol, end - data);
  if (ip->protocol != 17) return XDP_PASS;
  struct udphdr *udp = (void *)ip + ip->ihl * 4;
  if ((void *)(udp + 1) > end) return XDP_DROP;
  u16 port = ntohs(udp->dest);
  return bpf_map_lookup_elem(&closed_ports, &port) ? XDP_DROP : XDP_PASS;
}
