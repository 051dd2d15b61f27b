/* SPDX-License-Identifier: Apache-2.0 */
/* tc: grows, shrinks and retags the packet as its own bytes say. */
#include "vm.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 32);
  __type(key, u32);
  __type(value, s64);
} results SEC(".maps");

static inline_always void note(u32 slot, s64 value) { bpf_map_update_elem(&results, &slot, &value, 0); }

static inline_always void state(struct __sk_buff *skb, u32 slot) {
  note(slot, (u64)skb->len << 32 | skb->protocol << 16 | skb->vlan_tci);
  note(slot + 1, (u64)skb->vlan_proto << 32 | skb->vlan_present << 8 | skb->pkt_type);
}

SEC("tc")
int tc_adjust(struct __sk_buff *skb) {
  u8 order[8] = {};
  if (bpf_skb_load_bytes(skb, skb->len - 8, order, sizeof order)) return TC_ACT_SHOT;
  u32 amount = order[1] | order[2] << 8;
  switch (order[0] & 15) {
  case 0: note(0, bpf_skb_change_tail(skb, amount & 0x7fff, 0)); break;
  case 1: note(1, bpf_skb_change_head(skb, amount & 0x3fff, 0)); break;
  case 2: note(2, bpf_skb_vlan_push(skb, htons(0x8100), amount)); break;
  case 3: note(3, bpf_skb_vlan_pop(skb)); break;
  case 4:
    note(4, bpf_skb_vlan_push(skb, htons(0x88a8), amount));
    note(5, bpf_skb_vlan_push(skb, htons(0x1234), order[3]));
    break;
  case 5: note(6, bpf_skb_adjust_room(skb, (s32)(signed char)order[1], order[3] & 1, 0)); break;
  case 6: note(7, bpf_skb_change_proto(skb, order[3] & 1 ? htons(0x86dd) : htons(0x0800), 0)); break;
  case 7: note(8, bpf_skb_pull_data(skb, amount)); break;
  case 8: note(9, bpf_skb_change_type(skb, order[3] & 7)); break;
  case 9:
    note(10, bpf_skb_vlan_push(skb, htons(0x8100), 5));
    note(11, bpf_skb_vlan_push(skb, htons(0x8100), 6));
    note(12, bpf_skb_vlan_pop(skb));
    break;
  case 10: note(13, bpf_set_hash(skb, amount)); break;
  case 11: note(14, bpf_skb_change_tail(skb, amount & 0xff, order[3] & 1)); break;
  case 12:
    note(15, bpf_skb_change_head(skb, order[3], 0));
    note(16, bpf_skb_change_tail(skb, skb->len + order[1], 0));
    break;
  default: break;
  }
  state(skb, 20);
  note(22, skb->hash);
  u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  if (data + 34 > end) return TC_ACT_SHOT;
  note(23, data[12] << 24 | data[13] << 16 | data[14] << 8 | data[33]);
  data[0] = 0xee;
  u16 word = 0;
  note(24, bpf_skb_load_bytes_relative(skb, 0, &word, 2, 0) + word);
  note(25, bpf_skb_load_bytes_relative(skb, 0, &word, 2, 1) + word);
  return TC_ACT_OK;
}
