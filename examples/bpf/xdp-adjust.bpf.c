/* SPDX-License-Identifier: Apache-2.0 */
/* XDP: the packet's own bytes say what to do with it. Results of helpers go to `results`. */
#include "vm.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 16);
  __type(key, u32);
  __type(value, s64);
} results SEC(".maps");

static inline_always void note(u32 slot, s64 value) { bpf_map_update_elem(&results, &slot, &value, 0); }

SEC("xdp")
int xdp_adjust(struct xdp_md *ctx) {
  u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  u8 order[8];
  if (data + 22 > end) return XDP_ABORTED;
  __builtin_memcpy(order, data + 14, sizeof order);
  int head = (int)(order[0] | (order[1] & 3) << 8) - 512;
  int tail = (int)(order[2] | (order[3] & 31) << 8) - 1024;
  int meta = (signed char)order[4] * ((order[5] & 3) ? 4 : 1);
  note(0, ctx->ingress_ifindex);
  note(1, end - data);
  if (order[6] & 1) note(2, bpf_xdp_adjust_head(ctx, head));
  if (order[6] & 2) note(3, bpf_xdp_adjust_tail(ctx, tail));
  if (order[6] & 4) note(4, bpf_xdp_adjust_meta(ctx, meta));
  if (order[6] & 8) note(5, bpf_xdp_adjust_head(ctx, -(head >> 1)));
  note(6, bpf_xdp_get_buff_len(ctx));
  data = (void *)(long)ctx->data;
  end = (void *)(long)ctx->data_end;
  u8 *before = (void *)(long)ctx->data_meta;
  note(7, end - data);
  note(8, data - before);
  u8 some[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  if (order[6] & 16) note(9, bpf_xdp_load_bytes(ctx, order[7] * 2, some, sizeof some));
  if (order[6] & 32) note(10, bpf_xdp_store_bytes(ctx, order[7], some, sizeof some));
  note(11, some[0] << 8 | some[7]);
  data = (void *)(long)ctx->data;
  end = (void *)(long)ctx->data_end;
  before = (void *)(long)ctx->data_meta;
  if (before + 4 <= data) *(u32 *)before = htonl(0x6d657461);
  if (data + 14 > end) return XDP_ABORTED;
  data[0] ^= order[7];
  return order[6] & 64 ? XDP_TX : order[6] & 128 ? XDP_DROP : XDP_PASS;
}
