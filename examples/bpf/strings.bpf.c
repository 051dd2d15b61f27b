/* SPDX-License-Identifier: Apache-2.0 */
/* Formats and parses what stands in the packet; `text` is what came out. */
#include "vm.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 16);
  __type(key, u32);
  __type(value, s64);
} results SEC(".maps");

char text[256];
char input[64];
u64 values[4];
char name[16];

static const char decimal[] = "%d|%u|%5i|%-8d|";
static const char hex[] = "%x %08X %lx %-12llx|";
static const char pointers[] = "%pI4 %pi4 %pI6 %s";
static const char mixed[] = "100%% % 5d %+ld %c.%10s";
static const char letters[] = "[%s] %c%c %%";

static inline_always void note(u32 slot, s64 value) { bpf_map_update_elem(&results, &slot, &value, 0); }

SEC("tc")
int strings(struct __sk_buff *skb) {
  u8 order = 0, size = 0;
  bpf_skb_load_bytes(skb, 14, &order, 1);
  bpf_skb_load_bytes(skb, 15, &size, 1);
  bpf_skb_load_bytes(skb, 16, values, sizeof values);
  bpf_skb_load_bytes(skb, 20, input, 44);
  bpf_skb_load_bytes(skb, 40, name, 15);
  name[15] = 0;
  u64 at = (u64)values, named = (u64)name;
  asm volatile("" : "+r"(at), "+r"(named)); /* no constants: addresses cannot stand in .rodata */
  u64 args[4] = {values[0], values[1], values[2], values[3]};
  u64 places[4] = {at, at, at, named};
  u64 some[4] = {values[0], values[1], values[2], named};
  u64 few[4] = {named, values[1], values[2], 0};
  switch (order & 7) {
  case 0: note(0, bpf_snprintf(text, size, decimal, args, sizeof args)); break;
  case 1: note(1, bpf_snprintf(text, size, hex, args, sizeof args)); break;
  case 2: note(2, bpf_snprintf(text, size, pointers, places, sizeof places)); break;
  case 3: note(3, bpf_snprintf(text, sizeof text, mixed, some, sizeof some)); break;
  case 4: note(4, bpf_snprintf(text, size, letters, few, 24)); break;
  case 5: {
    s64 number = 7;
    note(5, bpf_strtol(input, 44, order >> 3, &number));
    note(6, number);
    break;
  }
  case 6: {
    u64 number = 7;
    note(7, bpf_strtoul(input, (size & 31) + 1, order & 16 ? 16 : 0, &number));
    note(8, number);
    break;
  }
  default: note(9, bpf_strncmp(name, 16, "polybpf")); break;
  }
  return TC_ACT_OK;
}
