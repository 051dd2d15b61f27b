/* SPDX-License-Identifier: Apache-2.0 */
/* Counts execve calls in the one slot of an array; user space prints it every two seconds. */
#include "vm.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, u64);
} kprobe_map SEC(".maps");

SEC("kprobe/sys_execve")
int kprobe_execve(void *ctx) {
  u32 key = 0;
  u64 one = 1, *count = bpf_map_lookup_elem(&kprobe_map, &key);
  if (!count) {
    bpf_map_update_elem(&kprobe_map, &key, &one, 0);
    return 0;
  }
  __sync_fetch_and_add(count, 1);
  return 0;
}
