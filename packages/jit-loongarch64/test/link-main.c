/* Calls each program with five arguments and known values in the registers that it must keep; prints what came back. */
typedef unsigned long u64;
u64 call_checked(void *fn, u64 *args, u64 *out);

u64 table[4] = {11, 22, 33, 44};

u64 bpf_helper_7(u64 a, u64 b, u64 c, u64 d, u64 e) {
  volatile u64 local[4] = {a, b, c, d};
  u64 sp = (u64)__builtin_frame_address(0);
  /* Everything a callee may destroy. */
  __asm__ volatile("li.d $a5, -1\n li.d $a6, -1\n li.d $a7, -1\n li.d $t0, -1\n li.d $t1, -1\n li.d $t2, -1\n"
                   "li.d $t3, -1\n li.d $t4, -1\n li.d $t5, -1\n li.d $t6, -1\n li.d $t7, -1\n li.d $t8, -1" ::
                       : "a5", "a6", "a7", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8");
  return (sp & 15) ? 0xbad : local[0] + 10 * local[1] + 100 * local[2] + 1000 * local[3] + 10000 * e;
}

u64 known(u64 a) { return a + 1; }

static u64 other(u64 ctx) { return ctx * 1000; }
u64 bpf_helper_12(u64 ctx, u64 array, u64 index) { return index == 1 ? (u64)other : 0; }

static u64 syscall3(u64 number, u64 x, u64 y, u64 z) {
  register u64 a7 __asm__("a7") = number;
  register u64 a0 __asm__("a0") = x;
  register u64 a1 __asm__("a1") = y;
  register u64 a2 __asm__("a2") = z;
  __asm__ volatile("syscall 0" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2)
                   : "memory", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8");
  return a0;
}

static void put(const char *text) {
  u64 length = 0;
  while (text[length]) length++;
  syscall3(64, 1, (u64)text, length);
}

static void put_hex(u64 value) {
  char digits[17];
  int at = 16;
  digits[at] = 0;
  do {
    digits[--at] = "0123456789abcdef"[value & 15];
    value >>= 4;
  } while (value);
  put(digits + at);
}

static void run(const char *name, void *fn) {
  u64 args[5] = {1, 2, 3, 4, 5}, out[12];
  u64 r0 = call_checked(fn, args, out);
  int kept = out[10] == 0 && out[11] == 0;
  for (int i = 0; i < 10; i++) kept = kept && out[i] == (u64)(i + 1) * 257;
  put(name);
  put(" ");
  put_hex(r0);
  put(kept ? " kept\n" : " broken\n");
}

#define P(name) u64 name();
#include "programs.h"
#undef P

void start(void) {
#define P(name) run(#name, name);
#include "programs.h"
  syscall3(93, 0, 0, 0);
}
