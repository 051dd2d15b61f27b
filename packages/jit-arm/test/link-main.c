/*
 * Calls every program of programs.h with 1, 2, 3, 4, 5 and known values in the registers that calls preserve, and prints
 * its result and whether r4 to r11 and sp came back as they were. Needs no C library: Debian has none for big-endian ARM.
 */
typedef unsigned long long u64;
typedef unsigned int u32;

static u32 syscall3(u32 number, u32 a, u32 b, u32 c) {
  register u32 r7 __asm__("r7") = number;
  register u32 r0 __asm__("r0") = a;
  register u32 r1 __asm__("r1") = b;
  register u32 r2 __asm__("r2") = c;
  __asm__ volatile("svc 0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2) : "memory");
  return r0;
}

static void put(const char *text) {
  u32 length = 0;
  while (text[length] != 0) length++;
  syscall3(4, 1, (u32)text, length);
}

static void put_hex(u64 value) {
  char text[17];
  int at = 16;
  text[16] = 0;
  do text[--at] = "0123456789abcdef"[value & 15]; while ((value >>= 4) != 0);
  put(text + at);
}

u64 table[4] = {11, 22, 33, 44};

/* Destroys everything that a callee may, the stack arguments included, which are its own. */
__attribute__((noinline)) u64 bpf_helper_7(u64 a, u64 b, u64 c, u64 d, u64 e) {
  volatile u64 local[5] = {a, b, c, d, e};
  volatile u64 *own[3] = {&c, &d, &e};
#ifdef __thumb__
  /* Another register of another frame. */
  u32 stack = 0;
#else
  u32 stack = (u32)__builtin_frame_address(0) + 4;
#endif
  for (int i = 0; i < 3; i++) *own[i] = -1;
  __asm__ volatile("mvn r0, #0\n mvn r1, #0\n mvn r2, #0\n mvn r3, #0\n mvn ip, #0\n mvn lr, #0\n cmp r0, #0"
    : : : "r0", "r1", "r2", "r3", "ip", "lr", "cc");
  return (stack & 7) ? 0xbad : local[0] + 10 * local[1] + 100 * local[2] + 1000 * local[3] + 10000 * local[4];
}

u64 known(u64 a) { return a + table[0] - 10; }
static u64 other(u64 ctx) { return ctx * 1000; }
u64 bpf_helper_12(u64 ctx, u64 array, u64 index) { return index == 1 ? (u32)other : 0; }

u64 call_checked(void *fn, u64 *args, u32 *out);
__asm__(
  ".text\n.arm\n.globl call_checked\n.type call_checked,%function\ncall_checked:\n"
  "push {r4-r11, lr}\n sub sp, sp, #36\n str r2, [sp, #24]\n str sp, [sp, #28]\n str r0, [sp, #32]\n mov ip, r1\n"
  ".irp at,16,20,24,28,32,36\n ldr r3, [ip, #\\at]\n str r3, [sp, #\\at - 16]\n .endr\n"
  "ldm ip, {r0-r3}\n ldr ip, [sp, #32]\n"
  ".irp n,4,5,6,7,8,9,10,11\n movw r\\n, #\\n * 257\n .endr\n"
  "blx ip\n"
  "ldr ip, [sp, #24]\n ldr r2, [sp, #28]\n stm ip!, {r4-r11}\n sub r2, r2, sp\n str r2, [ip]\n"
  "add sp, sp, #36\n pop {r4-r11, pc}\n");

#define P(name) u64 name(u64, u64, u64, u64, u64);
#include "programs.h"
#undef P

static void run(const char *name, void *fn, u64 direct) {
  u64 args[5] = {1, 2, 3, 4, 5};
  u32 out[9];
  u64 r0 = call_checked(fn, args, out);
  int kept = out[8] == 0;
  for (u32 i = 0; i < 8; i++) kept = kept && out[i] == (4 + i) * 257;
  put(name);
  put(" ");
  put_hex(r0);
  put(kept ? " kept " : " broken ");
  put_hex(direct);
  put("\n");
}

int main(void) {
  /* Once through a pointer, once as a call. */
#define P(name) run(#name, name, name(1, 2, 3, 4, 5));
#include "programs.h"
  return 0;
}

#ifdef FREESTANDING
__attribute__((used)) void start(void) {
  main();
  syscall3(1, 0, 0, 0);
}
__asm__(".text\n.arm\n.globl _start\n_start:\n bic sp, sp, #7\n bl start\n");
#endif
