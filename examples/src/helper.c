// SPDX-License-Identifier: Apache-2.0
// Asks helpers for the time and for random numbers and mixes the memory into them: helper calls leave the machine code
// and come back to the host.
#include "bpf.h"

HELPER(u64, bpf_ktime_get_ns, 5);
HELPER(u32, bpf_get_prandom_u32, 7);

SEC("vm")
u64 helper(u8 *mem, u64 len) {
  u64 start = bpf_ktime_get_ns();
  u64 sum = 0;
  for (u64 i = 0; i < len && i < 16; i++) sum += (u64)mem[i] * bpf_get_prandom_u32();
  return sum ^ (bpf_ktime_get_ns() - start);
}

char _license[] SEC("license") = "GPL";
