// SPDX-License-Identifier: Apache-2.0
// Parses Ethernet, VLAN tags, IPv4 or IPv6, and TCP or UDP; returns (protocol << 48) | (source port << 32) | flow hash,
// or 0 for what is not IP or is cut short.
#include "bpf.h"

struct ethhdr {
  u8 dst[6];
  u8 src[6];
  u16 proto;
} __attribute__((packed));

struct iphdr {
  u8 version_ihl;
  u8 tos;
  u16 tot_len;
  u16 id;
  u16 frag_off;
  u8 ttl;
  u8 protocol;
  u16 check;
  u32 saddr;
  u32 daddr;
} __attribute__((packed));

struct ip6hdr {
  u32 flow;
  u16 payload_len;
  u8 nexthdr;
  u8 hop_limit;
  u32 saddr[4];
  u32 daddr[4];
} __attribute__((packed));

struct ports {
  u16 source;
  u16 dest;
} __attribute__((packed));

static u32 mix(u32 hash, u32 value) {
  hash ^= value;
  hash *= 0x9e3779b1u;
  return hash ^ (hash >> 15);
}

SEC("vm")
u64 packet_parser(u8 *mem, u64 len) {
  u8 *end = mem + len;
  struct ethhdr *eth = (struct ethhdr *)mem;
  if ((u8 *)(eth + 1) > end) return 0;
  u16 proto = ntohs(eth->proto);
  u8 *next = (u8 *)(eth + 1);
  for (int tags = 0; tags < 2 && (proto == 0x8100 || proto == 0x88a8); tags++) {
    if (next + 4 > end) return 0;
    proto = ntohs(*(u16 *)(next + 2));
    next += 4;
  }

  u32 hash = 0;
  u8 protocol = 0;
  if (proto == 0x0800) {
    struct iphdr *ip = (struct iphdr *)next;
    if ((u8 *)(ip + 1) > end || ip->version_ihl >> 4 != 4) return 0;
    hash = mix(mix(hash, ntohl(ip->saddr)), ntohl(ip->daddr));
    protocol = ip->protocol;
    next += (ip->version_ihl & 15) * 4;
  } else if (proto == 0x86dd) {
    struct ip6hdr *ip6 = (struct ip6hdr *)next;
    if ((u8 *)(ip6 + 1) > end) return 0;
    for (int i = 0; i < 4; i++) hash = mix(mix(hash, ntohl(ip6->saddr[i])), ntohl(ip6->daddr[i]));
    protocol = ip6->nexthdr;
    next = (u8 *)(ip6 + 1);
  } else {
    return 0;
  }
  if (protocol != 6 && protocol != 17) return ((u64)protocol << 48) | hash;

  struct ports *ports = (struct ports *)next;
  if ((u8 *)(ports + 1) > end) return 0;
  u16 source = ntohs(ports->source);
  hash = mix(hash, ((u32)source << 16) | ntohs(ports->dest));
  return ((u64)protocol << 48) | ((u64)source << 32) | hash;
}

char _license[] SEC("license") = "Dual BSD/GPL";
