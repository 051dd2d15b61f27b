// SPDX-License-Identifier: Apache-2.0
// Counts bytes by class in global data (.bss), weighs the classes by a table (.rodata) and a factor (.data), and adds
// to the counters atomically, as a tracing program would.
#include "bpf.h"

enum { OTHER, DIGIT, LETTER, SPACE, CLASSES };

u64 counters[CLASSES];
u64 factor = 3;
static const volatile u32 weights[CLASSES] = {1, 10, 100, 1000};

static NOINLINE u32 class_of(u8 c) {
  if (c >= '0' && c <= '9') return DIGIT;
  c |= 0x20;
  if (c >= 'a' && c <= 'z') return LETTER;
  return c == 0x20 || c == 0x29 || c == 0x2a ? SPACE : OTHER;
}

SEC("vm")
u64 counter(u8 *mem, u64 len) {
  for (u64 i = 0; i < len; i++) __sync_fetch_and_add(&counters[class_of(mem[i]) & 3], 1);
  u64 sum = 0;
  for (int class = 0; class < CLASSES; class ++) sum += counters[class] * weights[class];
  return sum * factor;
}

char _license[] SEC("license") = "Dual BSD/GPL";
