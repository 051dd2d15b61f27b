/* SPDX-License-Identifier: Apache-2.0 */
/* tc: rewrites addresses and ports with the helpers for checksums; writes what it sees of the context to `fields`. */
#include "vm.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 32);
  __type(key, u32);
  __type(value, s64);
} fields SEC(".maps");

static inline_always void note(u32 slot, s64 value) { bpf_map_update_elem(&fields, &slot, &value, 0); }

SEC("tc")
int tc_rewrite(struct __sk_buff *skb) {
  note(0, skb->len);
  note(1, skb->pkt_type);
  note(2, skb->mark);
  note(3, skb->protocol);
  note(4, skb->vlan_present);
  note(5, skb->priority);
  note(6, skb->ifindex);
  note(7, skb->cb[0]);
  note(8, skb->cb[4]);
  note(9, skb->hash);
  note(10, (u8)skb->protocol);
  skb->mark = skb->mark * 3 + 1;
  skb->cb[1] = 0x01020304;
  note(11, ((volatile u8 *)&skb->cb[1])[0]);
  u8 protocol = 0;
  u32 old = 0, new = htonl(0xc0a80117);
  note(12, bpf_skb_load_bytes(skb, 14 + 9, &protocol, 1));
  note(13, bpf_skb_load_bytes(skb, 14 + 16, &old, 4));
  note(14, bpf_skb_load_bytes(skb, 0xffffff, &old, 0 + 4) ? old : -1);
  if (skb->protocol != htons(0x0800)) return TC_ACT_OK;
  if (bpf_skb_load_bytes_relative(skb, 16, &old, 4, 1)) return TC_ACT_SHOT;
  u64 pseudo = 0x10;
  if (protocol == 6) note(15, bpf_l4_csum_replace(skb, 34 + 16, old, new, pseudo | 4));
  if (protocol == 17) note(16, bpf_l4_csum_replace(skb, 34 + 6, old, new, pseudo | 0x20 | 4));
  note(17, bpf_l3_csum_replace(skb, 14 + 10, old, new, 4));
  note(18, bpf_skb_store_bytes(skb, 14 + 16, &new, 4, 0));
  u16 port = htons(8080), before = 0;
  if (protocol == 6 || protocol == 17) {
    note(19, bpf_skb_load_bytes(skb, 36, &before, 2));
    note(20, bpf_l4_csum_replace(skb, protocol == 6 ? 50 : 40, before, port, 2 | (protocol == 17 ? 0x20 : 0)));
    note(21, bpf_skb_store_bytes(skb, 36, &port, 2, 3));
  }
  note(22, bpf_l3_csum_replace(skb, 14 + 10, 1, 2, 0));
  note(23, bpf_l3_csum_replace(skb, 15, old, new, 4));
  note(24, bpf_l3_csum_replace(skb, 14 + 10, 0, bpf_csum_diff(&old, 4, &new, 4, 0), 0));
  note(25, bpf_skb_store_bytes(skb, skb->len - 2, &new, 4, 0));
  note(26, bpf_skb_ecn_set_ce(skb));
  return (skb->len & 1) ? TC_ACT_SHOT : TC_ACT_OK;
}
