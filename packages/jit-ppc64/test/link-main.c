/*
 * Calls every program of programs.h with 1, 2, 3, 4, 5 and known values in the registers that calls preserve, and prints
 * its result and whether r14 to r31, r1 and r2 came back as they were. Needs no C library: Debian has none for big-endian
 * code of the ELF V2 ABI.
 */
typedef unsigned long u64;

static u64 syscall3(u64 number, u64 a, u64 b, u64 c) {
  register u64 r0 __asm__("r0") = number;
  register u64 r3 __asm__("r3") = a;
  register u64 r4 __asm__("r4") = b;
  register u64 r5 __asm__("r5") = c;
  __asm__ volatile("sc" : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5) : : "r6", "r7", "r8", "r9", "r10", "r11", "r12", "cr0", "ctr", "memory");
  return r3;
}

static void put(const char *text) {
  u64 length = 0;
  while (text[length] != 0) length++;
  syscall3(4, 1, (u64)text, length);
}

static void put_hex(u64 value) {
  char text[17];
  int at = 16;
  text[16] = 0;
  do text[--at] = "0123456789abcdef"[value & 15]; while ((value >>= 4) != 0);
  put(text + at);
}

u64 table[4] = {11, 22, 33, 44};

/* Destroys everything that a callee may, the places of its caller's frame that are its own included. */
__attribute__((noinline)) u64 bpf_helper_7(u64 a, u64 b, u64 c, u64 d, u64 e) {
  volatile u64 local[4] = {a, b, c, d};
  u64 *caller = *(u64 **)__builtin_frame_address(0);
  u64 stack = (u64)__builtin_frame_address(0);
  __asm__ volatile("std %0,8(%0)" : : "r"(caller) : "memory");
  __asm__ volatile("li 0,-1\n li 4,-1\n li 5,-1\n li 6,-1\n li 7,-1\n li 8,-1\n li 9,-1\n li 10,-1\n li 11,-1\n li 12,-1\n mtctr 0\n"
    : : : "r0", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "ctr", "cr0", "cr1", "cr5", "cr6", "cr7");
  return (stack & 15) ? 0xbad : local[0] + 10 * local[1] + 100 * local[2] + 1000 * local[3] + 10000 * e;
}

u64 known(u64 a) { return a + table[0] - 10; }
static u64 other(u64 ctx) { return ctx * 1000; }
/* The entry of a function: in version 1 of the ABI its address is that of a descriptor. */
#if _CALL_ELF == 2
#define ENTRY(fn) (u64)(fn)
#else
#define ENTRY(fn) *(u64 *)(fn)
#endif
u64 bpf_helper_12(u64 ctx, u64 array, u64 index) { return index == 1 ? ENTRY(other) : 0; }

u64 call_checked(void *fn, u64 *args, u64 *out);
__asm__(
#if _CALL_ELF == 2
  ".text\n.globl call_checked\n.type call_checked,@function\ncall_checked:\n"
#else
  ".section .opd,\"aw\"\n.align 3\n.globl call_checked\n.type call_checked,@function\ncall_checked:\n"
  ".quad .Lcall_checked,.TOC.@tocbase,0\n.text\n.Lcall_checked:\n"
#endif
  "mflr 0\n std 0,16(1)\n stdu 1,-256(1)\n std 5,96(1)\n std 2,24(1)\n"
  ".irp n,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n std \\n,8*(\\n-14)+104(1)\n li \\n,\\n*257\n .endr\n"
#if _CALL_ELF == 2
  "mr 12,3\n"
#else
  "ld 12,0(3)\n"
#endif
  "mr 11,4\n ld 3,0(11)\n ld 4,8(11)\n ld 5,16(11)\n ld 6,24(11)\n ld 7,32(11)\n"
  "std 1,40(1)\n mtctr 12\n bctrl\n ld 2,24(1)\n"
  "ld 11,40(1)\n subf 11,11,1\n ld 12,96(1)\n"
  ".irp n,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n std \\n,8*(\\n-14)(12)\n ld \\n,8*(\\n-14)+104(1)\n .endr\n"
  "std 11,144(12)\n addi 1,1,256\n ld 0,16(1)\n mtlr 0\n blr\n");

#define P(name) u64 name(u64, u64, u64, u64, u64);
#include "programs.h"
#undef P

static void run(const char *name, void *fn, u64 direct) {
  u64 args[5] = {1, 2, 3, 4, 5}, out[19];
  u64 r0 = call_checked(fn, args, out);
  int kept = out[18] == 0;
  for (int i = 0; i < 18; i++) kept = kept && out[i] == (u64)(14 + i) * 257;
  put(name);
  put(" ");
  put_hex(r0);
  put(kept ? " kept " : " broken ");
  put_hex(direct);
  put("\n");
}

int main(void) {
  /* Once through a pointer, once as a call whose caller goes on using its r2. */
#define P(name) run(#name, name, name(1, 2, 3, 4, 5) + table[3] - 44);
#include "programs.h"
  return 0;
}

#ifdef FREESTANDING
void start(void) { main(); syscall3(1, 0, 0, 0); }
__asm__(".globl _start\n_start:\n addis 2,12,.TOC.-_start@ha\n addi 2,2,.TOC.-_start@l\n clrrdi 1,1,4\n li 0,0\n stdu 0,-64(1)\n bl start\n nop\n");
#endif
