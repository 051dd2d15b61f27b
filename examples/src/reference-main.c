/* SPDX-License-Identifier: Apache-2.0 */
/* Runs an example as native C, for reference results: `reference HEX` prints what the program returns. The helpers give
 * what tools/demo gives: time that advances by 1000 a call, and a linear congruential generator. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long u64;

u64 PROGRAM(unsigned char *mem, u64 len);

u64 bpf_ktime_get_ns(void) {
  static u64 now;
  return now += 1000;
}

unsigned bpf_get_prandom_u32(void) {
  static unsigned state = 1;
  return state = state * 1664525u + 1013904223u;
}

int main(int argc, char **argv) {
  const char *hex = argc > 1 ? argv[1] : "";
  size_t len = strlen(hex) / 2;
  unsigned char *mem = calloc(len + 1, 1);
  for (size_t i = 0; i < len; i++) {
    unsigned byte;
    if (sscanf(hex + 2 * i, "%2x", &byte) != 1) return 2;
    mem[i] = (unsigned char)byte;
  }
  printf("0x%016llx\n", PROGRAM(mem, len));
  return 0;
}
