/*
 * Calls every program of programs.h with 1, 2, 3, 4, 5 and known values in the registers that calls preserve, and prints
 * its result and whether s0 to s7, gp, s8 and sp came back as they were.
 */
#include <stdio.h>

typedef unsigned long u64;

u64 table[4] = {11, 22, 33, 44};

/* Destroys everything that a callee may. */
__attribute__((noinline)) u64 bpf_helper_7(u64 a, u64 b, u64 c, u64 d, u64 e) {
  volatile u64 local[4] = {a, b, c, d};
  u64 stack = (u64)__builtin_frame_address(0);
  __asm__ volatile(
    ".set push\n.set noat\n li $1,-1\n li $2,-1\n li $3,-1\n li $4,-1\n li $5,-1\n li $6,-1\n li $7,-1\n li $9,-1\n"
    "li $10,-1\n li $11,-1\n li $12,-1\n li $13,-1\n li $14,-1\n li $15,-1\n li $24,-1\n li $25,-1\n mthi $2\n mtlo $2\n.set pop\n"
    : : : "$1", "$2", "$3", "$4", "$5", "$6", "$7", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$24", "$25", "hi", "lo");
  return (stack & 15) ? 0xbad : local[0] + 10 * local[1] + 100 * local[2] + 1000 * local[3] + 10000 * e;
}

u64 known(u64 a) { return a + table[0] - 10; }
static u64 other(u64 ctx) { return ctx * 1000; }
u64 bpf_helper_12(u64 ctx, u64 array, u64 index) { return index == 1 ? (u64)other : 0; }

/* fn(args[0..4]); out[0..9] = s0 to s7, gp, s8 afterwards, out[10] = how far sp has moved. */
u64 call_checked(void *fn, u64 *args, u64 *out);
__asm__(
  ".text\n.set push\n.set noreorder\n.set noat\n.globl call_checked\n.ent call_checked\n.type call_checked,@function\ncall_checked:\n"
  "daddiu $sp,$sp,-128\n sd $31,0($sp)\n sd $6,8($sp)\n sd $sp,16($sp)\n sd $28,24($sp)\n sd $30,32($sp)\n"
  ".irp n,16,17,18,19,20,21,22,23\n sd $\\n,8*(\\n-16)+40($sp)\n li $\\n,\\n*257\n .endr\n"
  "li $28,28*257\n li $30,30*257\n move $25,$4\n move $2,$5\n"
  "ld $4,0($2)\n ld $5,8($2)\n ld $6,16($2)\n ld $7,24($2)\n jalr $25\n ld $8,32($2)\n"
  "ld $3,16($sp)\n dsubu $3,$3,$sp\n ld $4,8($sp)\n sd $3,80($4)\n sd $28,64($4)\n sd $30,72($4)\n"
  ".irp n,16,17,18,19,20,21,22,23\n sd $\\n,8*(\\n-16)($4)\n ld $\\n,8*(\\n-16)+40($sp)\n .endr\n"
  "ld $28,24($sp)\n ld $30,32($sp)\n ld $31,0($sp)\n jr $31\n daddiu $sp,$sp,128\n.end call_checked\n.set pop\n");

#define P(name) u64 name(u64, u64, u64, u64, u64);
#include "programs.h"
#undef P

static void run(const char *name, void *fn, u64 direct) {
  u64 args[5] = {1, 2, 3, 4, 5}, out[11];
  static const u64 numbers[10] = {16, 17, 18, 19, 20, 21, 22, 23, 28, 30};
  u64 r0 = call_checked(fn, args, out);
  int kept = out[10] == 0;
  for (int i = 0; i < 10; i++) kept = kept && out[i] == numbers[i] * 257;
  printf("%s %lx %s %lx\n", name, r0, kept ? "kept" : "broken", direct);
}

int main(void) {
  /* Once through a pointer, once as a call whose caller goes on using its gp. */
#define P(name) run(#name, name, name(1, 2, 3, 4, 5) + table[3] - 44);
#include "programs.h"
  return 0;
}
