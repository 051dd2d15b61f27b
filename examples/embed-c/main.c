// SPDX-License-Identifier: Apache-2.0
// A C program around limiter.bpf.c, compiled ahead of time: it defines the map and the helpers that limiter.h declares,
// and calls the eBPF program like any function.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "limiter.h"

struct bucket {
  uint64_t tokens, updated;
};

struct entry {
  uint32_t key;
  int used;
  struct bucket value;
};

// Compiled code hands the map's address to the helpers and never looks inside, so it may be anything.
char buckets[64 * sizeof(struct entry)] __attribute__((aligned(16)));

static uint64_t now;

static struct entry *find(uint64_t map, uint32_t key, int make) {
  struct entry *entries = (struct entry *)(uintptr_t)map;
  for (int i = 0; i < 64; i++) {
    if (entries[i].used && entries[i].key == key) return &entries[i];
    if (!entries[i].used) return make ? &entries[i] : NULL;
  }
  return NULL;
}

// bpf_map_lookup_elem(map, key)
uint64_t bpf_helper_1(uint64_t map, uint64_t key, uint64_t r3, uint64_t r4, uint64_t r5) {
  (void)r3, (void)r4, (void)r5;
  struct entry *entry = find(map, *(uint32_t *)(uintptr_t)key, 0);
  return entry ? (uint64_t)(uintptr_t)&entry->value : 0;
}

// bpf_map_update_elem(map, key, value, flags)
uint64_t bpf_helper_2(uint64_t map, uint64_t key, uint64_t value, uint64_t flags, uint64_t r5) {
  (void)flags, (void)r5;
  uint32_t k = *(uint32_t *)(uintptr_t)key;
  struct entry *entry = find(map, k, 1);
  if (!entry) return (uint64_t)-7; // -E2BIG
  entry->key = k;
  entry->used = 1;
  memcpy(&entry->value, (void *)(uintptr_t)value, sizeof entry->value);
  return 0;
}

// bpf_ktime_get_ns(), here the clock of the recorded packets
uint64_t bpf_helper_5(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5) {
  (void)r1, (void)r2, (void)r3, (void)r4, (void)r5;
  return now;
}

// A helper of our own.
uint64_t bpf_helper_1000(uint64_t source, uint64_t length, uint64_t r3, uint64_t r4, uint64_t r5) {
  (void)r3, (void)r4, (void)r5;
  printf("%4" PRIu64 " us  drop %" PRIu64 " bytes from %u.%u.%u.%u\n", now / 1000, length, (unsigned)(source >> 24 & 255),
         (unsigned)(source >> 16 & 255), (unsigned)(source >> 8 & 255), (unsigned)(source & 255));
  return 0;
}

int main(void) {
  static const struct {
    unsigned us;
    unsigned char host;
  } packets[] = {{0, 1}, {10, 1}, {20, 2}, {30, 1}, {40, 1}, {50, 1}, {900, 2}, {1100, 1}, {1150, 1}, {5000, 1}, {5001, 1}, {5002, 1}, {5003, 1}};
  unsigned passed = 0, dropped = 0;
  for (unsigned i = 0; i < sizeof packets / sizeof packets[0]; i++) {
    unsigned char packet[40] __attribute__((aligned(8))) = {0x45};
    memcpy(packet + 12, (unsigned char[]){192, 168, 1, packets[i].host}, 4);
    now = packets[i].us * 1000ull;
    if (limiter(packet, sizeof packet, 0, 0, 0)) passed++;
    else dropped++;
  }
  printf("%u passed, %u dropped\n", passed, dropped);
  return 0;
}
