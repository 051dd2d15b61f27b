/* SPDX-License-Identifier: Apache-2.0 */
/* Socket filter in the style of classic BPF: packet loads that end the program when they fail. */
#include "vm.h"

u64 load_byte(void *skb, u64 offset) asm("llvm.bpf.load.byte");
u64 load_half(void *skb, u64 offset) asm("llvm.bpf.load.half");
u64 load_word(void *skb, u64 offset) asm("llvm.bpf.load.word");

#define SKF_NET_OFF (-0x100000)
#define SKF_LL_OFF (-0x200000)

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4096);
  __type(key, u32);
  __type(value, u64);
} ports SEC(".maps");

SEC("socket")
int socket_count(struct __sk_buff *skb) {
  u64 kind = load_half(skb, SKF_LL_OFF + 12);
  if (kind != 0x0800) return kind & 0xff;
  u32 length = (load_byte(skb, 0) & 15) * 4;
  u8 protocol = load_byte(skb, SKF_NET_OFF + 9);
  if (protocol != 6 && protocol != 17) return 0;
  u32 port = load_half(skb, length + 2);
  u64 one = 1, *known = bpf_map_lookup_elem(&ports, &port);
  if (known) __sync_fetch_and_add(known, 1);
  else bpf_map_update_elem(&ports, &port, &one, 0);
  u32 last = load_word(skb, length + 4);
  return (last & 0xffff) + skb->len;
}
