/* SPDX-License-Identifier: Apache-2.0 */
/* What the examples share. Programs are `u64 prog(u8 *mem, u64 len)`: r1 = memory, r2 = its length, r0 = result. */
#ifndef EXAMPLES_BPF_H
#define EXAMPLES_BPF_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

#ifdef __bpf__
#define SEC(name) __attribute__((section(name), used))
#else
#define SEC(name)
#endif
#define NOINLINE __attribute__((noinline))

/* Helpers by id; a native build (for reference results) links functions of the same names. */
#ifdef __bpf__
#define HELPER(type, name, id) static type (*const name)(void) = (void *)id
#else
#define HELPER(type, name, id) extern type name(void)
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ntohs(x) __builtin_bswap16(x)
#define ntohl(x) __builtin_bswap32(x)
#else
#define ntohs(x) ((u16)(x))
#define ntohl(x) ((u32)(x))
#endif

#endif
