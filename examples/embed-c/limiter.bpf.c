// SPDX-License-Identifier: Apache-2.0
// A rate limiter per source address: every packet costs a token of its sender's bucket, and buckets fill with time. What
// it needs of its surroundings are a map, the time and a place to report to; main.c has all three in plain C.
#include "../src/bpf.h"

struct bucket {
  u64 tokens;
  u64 updated;
};

struct {
  int (*type)[1]; /* BPF_MAP_TYPE_HASH */
  u32 *key;
  struct bucket *value;
  int (*max_entries)[64];
} buckets SEC(".maps");

static void *(*const map_lookup)(void *map, const void *key) = (void *)1;
static long (*const map_update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static u64 (*const ktime_get_ns)(void) = (void *)5;
/* Not one of Linux's: ids from 1000 on are free for a host of one's own. */
static void (*const report_drop)(u32 source, u64 length) = (void *)1000;

#define BURST 3
#define NS_PER_TOKEN 1000000

/* r1 = IPv4 packet, r2 = its length; 1: pass, 0: drop. */
SEC("vm")
u64 limiter(u8 *packet, u64 length) {
  if (length < 20 || packet[0] >> 4 != 4) return 0;
  u32 source = (u32)packet[12] << 24 | packet[13] << 16 | packet[14] << 8 | packet[15];
  u64 now = ktime_get_ns();
  struct bucket *bucket = map_lookup(&buckets, &source);
  if (!bucket) {
    struct bucket fresh = {BURST - 1, now};
    map_update(&buckets, &source, &fresh, 0);
    return 1;
  }
  u64 earned = (now - bucket->updated) / NS_PER_TOKEN;
  if (earned > 0) {
    u64 tokens = bucket->tokens + earned;
    bucket->tokens = tokens > BURST ? BURST : tokens;
    bucket->updated += earned * NS_PER_TOKEN;
  }
  if (bucket->tokens == 0) {
    report_drop(source, length);
    return 0;
  }
  bucket->tokens--;
  return 1;
}
