// SPDX-License-Identifier: Apache-2.0
// Sorts the memory as signed 32-bit numbers in place (insertion sort, which divides nothing and branches much), then
// returns the median, the mean and the smallest difference of neighbours, mixed; signed division on purpose.
#include "bpf.h"

SEC("vm")
u64 sort(u8 *mem, u64 len) {
  int *values = (int *)mem;
  s64 count = len / 4;
  if (count < 2) return 0;
  for (s64 i = 1; i < count; i++) {
    int value = values[i];
    s64 k = i;
    for (; k > 0 && values[k - 1] > value; k--) values[k] = values[k - 1];
    values[k] = value;
  }
  s64 sum = 0;
  s64 smallest = 0x7fffffffffffffff;
  for (s64 i = 0; i < count; i++) {
    sum += values[i];
    if (i > 0 && (s64)values[i] - values[i - 1] < smallest) smallest = (s64)values[i] - values[i - 1];
  }
  s64 mean = sum < 0 ? -(s64)((u64)-sum / (u64)count) : (s64)((u64)sum / (u64)count);
  return ((u64)(u32)values[count / 2] << 32) ^ (u64)mean ^ (u64)smallest;
}

char _license[] SEC("license") = "Dual BSD/GPL";
