/*
 * Calls every program of programs.h with 1, 2, 3, 4, 5 and known values in the registers that calls preserve, and prints
 * its result and whether %l0 to %l7, %i0 to %i5, %g7, %fp and %sp came back as they were.
 */
#include <stdio.h>

typedef unsigned long u64;

u64 table[4] = {11, 22, 33, 44};

/* Destroys everything that a callee may, and the 48 bytes that its caller provides for it. */
__asm__(".register %g2, #scratch\n.register %g3, #scratch\n");
__attribute__((noinline)) u64 bpf_helper_7(u64 a, u64 b, u64 c, u64 d, u64 e) {
  volatile u64 local[4] = {a, b, c, d};
  u64 frame;
  __asm__("mov %%fp,%0" : "=r"(frame));
  volatile u64 *own = (volatile u64 *)(frame + 2047 + 128);
  u64 stack = frame + 2047;
  for (int i = 0; i < 6; i++) own[i] = ~0ul;
  __asm__ volatile("mov -1,%%g1\n mov -1,%%g2\n mov -1,%%g3\n mov -1,%%g4\n mov -1,%%g5\n mov -1,%%o1\n mov -1,%%o2\n"
                   "mov -1,%%o3\n mov -1,%%o4\n mov -1,%%o5\n subcc %%g0,1,%%g0\n flushw"
    : : : "g1", "g2", "g3", "g4", "g5", "o1", "o2", "o3", "o4", "o5", "cc", "memory");
  return (stack & 15) ? 0xbad : local[0] + 10 * local[1] + 100 * local[2] + 1000 * local[3] + 10000 * e;
}

u64 known(u64 a) { return a + table[0] - 10; }
static u64 other(u64 ctx) { return ctx * 1000; }
u64 bpf_helper_12(u64 ctx, u64 array, u64 index) { return index == 1 ? (u64)other : 0; }

/* fn(args[0..4]); out[0..13] = l0 to l7 and i0 to i5 afterwards, out[14] and out[15] = how far sp and fp have moved. */
u64 call_checked(void *fn, u64 *args, u64 *out);
__asm__(
  ".text\n.globl call_checked\n.type call_checked,@function\ncall_checked:\n"
  "save %sp,-208,%sp\n"
  "stx %i2,[%sp+2047+176]\n stx %fp,[%sp+2047+184]\n stx %sp,[%sp+2047+192]\n mov %i0,%g1\n"
  "ldx [%i1],%o0\n ldx [%i1+8],%o1\n ldx [%i1+16],%o2\n ldx [%i1+24],%o3\n ldx [%i1+32],%o4\n"
  "mov 100,%l0\n mov 101,%l1\n mov 102,%l2\n mov 103,%l3\n mov 104,%l4\n mov 105,%l5\n mov 106,%l6\n mov 107,%l7\n"
  "mov 108,%i0\n mov 109,%i1\n mov 110,%i2\n mov 111,%i3\n mov 112,%i4\n mov 113,%i5\n"
  "call %g1\n nop\n"
  "ldx [%sp+2047+176],%g1\n"
  "stx %l0,[%g1]\n stx %l1,[%g1+8]\n stx %l2,[%g1+16]\n stx %l3,[%g1+24]\n stx %l4,[%g1+32]\n stx %l5,[%g1+40]\n"
  "stx %l6,[%g1+48]\n stx %l7,[%g1+56]\n stx %i0,[%g1+64]\n stx %i1,[%g1+72]\n stx %i2,[%g1+80]\n stx %i3,[%g1+88]\n"
  "stx %i4,[%g1+96]\n stx %i5,[%g1+104]\n"
  "ldx [%sp+2047+192],%o1\n sub %o1,%sp,%o1\n stx %o1,[%g1+112]\n"
  "ldx [%sp+2047+184],%o1\n sub %o1,%fp,%o1\n stx %o1,[%g1+120]\n"
  "ret\n restore %o0,%g0,%o0\n");

#define P(name) u64 name(u64, u64, u64, u64, u64);
#include "programs.h"
#undef P

static void run(const char *name, void *fn, u64 direct) {
  u64 args[5] = {1, 2, 3, 4, 5}, out[16], before, thread;
  __asm__ volatile("mov %%g7,%0" : "=r"(before));
  u64 r0 = call_checked(fn, args, out);
  __asm__ volatile("mov %%g7,%0" : "=r"(thread));
  int kept = out[14] == 0 && out[15] == 0 && before == thread;
  for (int i = 0; i < 14; i++) kept = kept && out[i] == 100 + i;
  printf("%s %lx %s %lx\n", name, r0, kept ? "kept" : "broken", direct);
}

int main(void) {
#define P(name) run(#name, name, name(1, 2, 3, 4, 5));
#include "programs.h"
  return 0;
}
