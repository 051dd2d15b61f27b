// SPDX-License-Identifier: Apache-2.0
// 64-bit FNV-1a of the memory, finished with the mixer of MurmurHash3; the same value in both byte orders.
#include "bpf.h"

static NOINLINE u64 finish(u64 hash) {
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccdull;
  hash ^= hash >> 33;
  hash *= 0xc4ceb9fe1a85ec53ull;
  return hash ^ (hash >> 33);
}

SEC("vm")
u64 hash(u8 *mem, u64 len) {
  u64 value = 0xcbf29ce484222325ull;
  for (u64 i = 0; i < len; i++) value = (value ^ mem[i]) * 0x100000001b3ull;
  return finish(value);
}

char _license[] SEC("license") = "Dual BSD/GPL";
