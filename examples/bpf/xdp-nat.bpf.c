/* SPDX-License-Identifier: Apache-2.0 */
/* XDP: new destination for IPv4 with the checksum brought up to date, TTL one less, tail calls for UDP. */
#include "vm.h"

int xdp_udp(struct xdp_md *ctx);

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 4);
  __uint(key_size, 4);
  __array(values, int(struct xdp_md *));
} next SEC(".maps") = {.values = {[1] = &xdp_udp}};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 65536);
  __type(key, u32);
  __type(value, u64);
} sources SEC(".maps");

u64 seen = 0;
const volatile u32 target = 0x0a000001;

static inline_always u16 fold(u64 sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return ~((sum & 0xffff) + (sum >> 16));
}

SEC("xdp")
int xdp_nat(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  seen++;
  if ((void *)(ip + 1) > end || eth->proto != htons(0x0800)) return XDP_PASS;
  u32 source = ip->saddr, destination = htonl(target), old = ip->daddr;
  u64 one = 1, *times = bpf_map_lookup_elem(&sources, &source);
  if (times) (*times)++;
  else bpf_map_update_elem(&sources, &source, &one, 1);
  u32 header_old = *(u32 *)&ip->ttl;
  if (ip->ttl < 2) return XDP_DROP;
  u8 protocol = ip->protocol;
  u32 from[2] = {old, 0}, to[2] = {destination, 0};
  u16 check = ip->check;
  ip->check = 0;
  from[1] = *(u32 *)&ip->ttl;
  ip->ttl--;
  to[1] = *(u32 *)&ip->ttl;
  ip->daddr = destination;
  s64 sum = bpf_csum_diff(from, sizeof from, to, sizeof to, (u16)~check);
  ip->check = fold((u32)sum);
  if (protocol == 17) bpf_tail_call(ctx, &next, 1);
  bpf_tail_call(ctx, &next, protocol);
  return header_old ? XDP_TX : XDP_PASS;
}

SEC("xdp")
int xdp_udp(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct udphdr *udp = data + 34;
  if ((void *)(udp + 1) > end) return XDP_ABORTED;
  udp->check = 0;
  return XDP_TX;
}
