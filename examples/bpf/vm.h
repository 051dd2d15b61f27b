/* SPDX-License-Identifier: Apache-2.0 */
/* What programs with contexts and maps need, so that no header of a system is needed. */
#ifndef POLYBPF_VM_H
#define POLYBPF_VM_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;

#define SEC(name) __attribute__((section(name), used))
#define inline_always inline __attribute__((always_inline))
#define __uint(name, value) int(*name)[value]
#define __type(name, type) typeof(type) *name
#define __array(name, type) typeof(type) *name[]

#define BPF_MAP_TYPE_HASH 1
#define BPF_MAP_TYPE_ARRAY 2
#define BPF_MAP_TYPE_PROG_ARRAY 3
#define BPF_MAP_TYPE_PERF_EVENT_ARRAY 4
#define BPF_MAP_TYPE_PERCPU_ARRAY 6
#define BPF_MAP_TYPE_LRU_HASH 9
#define BPF_MAP_TYPE_RINGBUF 27

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define htons(x) __builtin_bswap16(x)
#define htonl(x) __builtin_bswap32(x)
#else
#define htons(x) ((u16)(x))
#define htonl(x) ((u32)(x))
#endif
#define ntohs htons
#define ntohl htonl

struct xdp_md {
  u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};

struct __sk_buff {
  u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority, ingress_ifindex;
  u32 ifindex, tc_index, cb[5], hash, tc_classid, data, data_end, napi_id;
};

struct ethhdr {
  u8 dst[6], src[6];
  u16 proto;
} __attribute__((packed));

struct iphdr {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  u8 ihl : 4, version : 4;
#else
  u8 version : 4, ihl : 4;
#endif
  u8 tos;
  u16 tot_len, id, frag_off;
  u8 ttl, protocol;
  u16 check;
  u32 saddr, daddr;
};

struct udphdr {
  u16 source, dest, len, check;
};

enum { XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX };
enum { TC_ACT_OK = 0, TC_ACT_SHOT = 2 };

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const bpf_map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*const bpf_map_delete_elem)(void *map, const void *key) = (void *)3;
static u64 (*const bpf_ktime_get_ns)(void) = (void *)5;
static long (*const bpf_trace_printk)(const char *fmt, u32 fmt_size, ...) = (void *)6;
static u32 (*const bpf_get_smp_processor_id)(void) = (void *)8;
static long (*const bpf_skb_store_bytes)(void *skb, u32 off, const void *from, u32 len, u64 flags) = (void *)9;
static long (*const bpf_l3_csum_replace)(void *skb, u32 off, u64 from, u64 to, u64 size) = (void *)10;
static long (*const bpf_l4_csum_replace)(void *skb, u32 off, u64 from, u64 to, u64 flags) = (void *)11;
static long (*const bpf_tail_call)(void *ctx, void *map, u32 index) = (void *)12;
static u64 (*const bpf_get_current_pid_tgid)(void) = (void *)14;
static long (*const bpf_get_current_comm)(void *buf, u32 size) = (void *)16;
static long (*const bpf_skb_vlan_push)(void *skb, u16 proto, u16 tci) = (void *)18;
static long (*const bpf_skb_vlan_pop)(void *skb) = (void *)19;
static long (*const bpf_perf_event_output)(void *ctx, void *map, u64 flags, void *data, u64 size) = (void *)25;
static long (*const bpf_skb_load_bytes)(const void *skb, u32 off, void *to, u32 len) = (void *)26;
static s64 (*const bpf_csum_diff)(u32 *from, u32 from_size, u32 *to, u32 to_size, u32 seed) = (void *)28;
static long (*const bpf_skb_change_proto)(void *skb, u16 proto, u64 flags) = (void *)31;
static long (*const bpf_skb_change_type)(void *skb, u32 type) = (void *)32;
static long (*const bpf_skb_change_tail)(void *skb, u32 len, u64 flags) = (void *)38;
static long (*const bpf_skb_pull_data)(void *skb, u32 len) = (void *)39;
static void (*const bpf_set_hash_invalid)(void *skb) = (void *)41;
static long (*const bpf_skb_change_head)(void *skb, u32 len, u64 flags) = (void *)43;
static long (*const bpf_xdp_adjust_head)(void *ctx, int delta) = (void *)44;
static long (*const bpf_set_hash)(void *skb, u32 hash) = (void *)48;
static long (*const bpf_skb_adjust_room)(void *skb, s32 delta, u32 mode, u64 flags) = (void *)50;
static long (*const bpf_xdp_adjust_meta)(void *ctx, int delta) = (void *)54;
static long (*const bpf_xdp_adjust_tail)(void *ctx, int delta) = (void *)65;
static long (*const bpf_skb_load_bytes_relative)(const void *skb, u32 off, void *to, u32 len, u32 start) = (void *)68;
static long (*const bpf_skb_ecn_set_ce)(void *skb) = (void *)97;
static long (*const bpf_strtol)(const char *buf, u64 len, u64 flags, s64 *res) = (void *)105;
static long (*const bpf_strtoul)(const char *buf, u64 len, u64 flags, u64 *res) = (void *)106;
static long (*const bpf_probe_read_user_str)(void *dst, u32 size, const void *src) = (void *)114;
static long (*const bpf_ringbuf_output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;
static long (*const bpf_for_each_map_elem)(void *map, void *fn, void *ctx, u64 flags) = (void *)164;
static long (*const bpf_snprintf)(char *str, u32 size, const char *fmt, u64 *data, u32 len) = (void *)165;
static long (*const bpf_loop)(u32 count, void *fn, void *ctx, u64 flags) = (void *)181;
static long (*const bpf_strncmp)(const char *s1, u32 size, const char *s2) = (void *)182;
static u64 (*const bpf_xdp_get_buff_len)(void *ctx) = (void *)188;
static long (*const bpf_xdp_load_bytes)(void *ctx, u32 off, void *buf, u32 len) = (void *)189;
static long (*const bpf_xdp_store_bytes)(void *ctx, u32 off, void *buf, u32 len) = (void *)190;

char LICENSE[] SEC("license") = "GPL";

#endif
