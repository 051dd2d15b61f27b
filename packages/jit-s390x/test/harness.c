/*
 * Runs machine code that it gets on standard input and checks what the ELF ABI s390x asks of a function: %r6 to %r13,
 * %f8 and %r15 preserved, the caller's back chain words untouched. All numbers are big-endian, as the machine is.
 *
 *   in:  u32 code length, u32 memory length, u32 length of a second program for tail calls, u32 1 if arguments follow,
 *        u64 r1..r5 in that case (else r1 = memory, r2 = its length), code, memory, second program
 *   out: u32 status: 0, 256 + signal, or 512 + what was not preserved; u64 r0; memory
 */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint64_t u64;
typedef uint32_t u32;

enum { CODE_SIZE = 1 << 21, MEMORY_SIZE = 1 << 18, TABLE_SIZE = 64 };

/* Same addresses as in harness.ts. */
static u64 *const table = (u64 *)0x40000000;
static uint8_t *const code = (uint8_t *)0x50000000;
static uint8_t *const memory = (uint8_t *)0x60000000;
static uint8_t *const second = (uint8_t *)0x51000000;
static u32 second_length;
static sigjmp_buf landing;

struct call {
  u64 function, args[5], result, saved[8], backchain[2], stack, float8;
};

void call_checked(struct call *);
__asm__(
    ".text\n.globl call_checked\n.type call_checked,@function\ncall_checked:\n"
    "stmg %r6,%r15,48(%r15)\n"
    "aghi %r15,-192\n"
    "stg %r2,160(%r15)\n"
    "std %f8,168(%r15)\n"
    "ldgr %f8,%r15\n"
    "llilf %r1,0x5a5a5a5a\n"
    "stg %r1,0(%r15)\n"
    "stg %r1,8(%r15)\n"
    "lgr %r14,%r2\n"
    "lg %r1,0(%r14)\n"
    "lg %r2,8(%r14)\n"
    "lg %r3,16(%r14)\n"
    "lg %r4,24(%r14)\n"
    "lg %r5,32(%r14)\n"
    "lg %r6,40(%r14)\n"
    "lghi %r7,7007\nlghi %r8,8008\nlghi %r9,9009\nlghi %r10,10010\n"
    "lghi %r11,11011\nlghi %r12,12012\nlghi %r13,13013\n"
    "basr %r14,%r1\n"
    "lgdr %r1,%f8\n"
    "lg %r14,160(%r1)\n"
    "stg %r2,48(%r14)\n"
    "stmg %r6,%r13,56(%r14)\n"
    "mvc 120(16,%r14),0(%r1)\n"
    "stg %r15,136(%r14)\n"
    "stg %r1,144(%r14)\n"
    "lgr %r15,%r1\n"
    "ld %f8,168(%r15)\n"
    "lmg %r6,%r15,240(%r15)\n"
    "br %r14\n");

static void on_signal(int number) { siglongjmp(landing, 256 + number); }

/*
 * Does what a helper may do: destroys all registers that a call destroys, and the 160 bytes above its stack pointer but
 * for the back chain.
 */
u64 helper_mix_rough(u64, u64, u64, u64, u64);
__asm__(
    ".text\n.globl helper_mix_rough\n.type helper_mix_rough,@function\nhelper_mix_rough:\n"
    "stmg %r6,%r15,48(%r15)\n"
    "stmg %r2,%r5,16(%r15)\n"
    "stg %r2,128(%r15)\nstg %r3,136(%r15)\nstg %r4,144(%r15)\nstg %r5,152(%r15)\n"
    "aghi %r15,-160\n"
    "brasl %r14,helper_mix\n"
    "lghi %r0,-11\nlghi %r1,-12\nlghi %r3,-13\nlghi %r4,-14\nlghi %r5,-15\n"
    "ldgr %f0,%r0\nldgr %f2,%r0\nldgr %f4,%r0\nldgr %f6,%r0\n"
    "lmg %r6,%r15,208(%r15)\n"
    "br %r14\n");

u64 helper_mix(u64 a, u64 b, u64 c, u64 d, u64 e) {
  u64 args[5] = {a, b, c, d, e}, sum = 7;
  for (int i = 0; i < 5; i++) sum = (sum ^ args[i]) * 0x9e3779b97f4a7c15u + 12345;
  return sum;
}
/* The index is the third argument: 0 names the second program, any other none. */
static u64 helper_tail_call(u64 context, u64 map, u64 index) {
  return index == 0 && second_length != 0 ? (u64)second : 0;
}
static u64 helper_call_back(u64 function, u64 argument) {
  return ((u64(*)(u64))function)(argument) + 1;
}

static u32 violation(const struct call *call) {
  for (u64 i = 0; i < 8; i++)
    if (call->saved[i] != (i == 0 ? call->args[4] : (6 + i) * 1001)) return 512 + 6 + i;
  for (int i = 0; i < 2; i++)
    if (call->backchain[i] != 0x5a5a5a5a) return 512 + 32 + i;
  return call->stack != call->float8 ? 512 + 15 : 0;
}

static void fully(void *to, size_t length) {
  if (fread(to, 1, length, stdin) != length) exit(3);
}

int main(void) {
  int all = PROT_READ | PROT_WRITE | PROT_EXEC, how = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  mmap(table, 4096, all, how, -1, 0);
  mmap(code, CODE_SIZE, all, how, -1, 0);
  mmap(second, CODE_SIZE, all, how, -1, 0);
  mmap(memory, MEMORY_SIZE, all, how, -1, 0);
  table[5] = (u64)helper_call_back;
  table[12] = (u64)helper_tail_call;
  table[40] = (u64)helper_mix_rough;
  static char alternate[1 << 16];
  stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
  sigaltstack(&stack, 0);
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_NODEFER};
  int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM};
  for (int i = 0; i < 5; i++) sigaction(signals[i], &action, 0);
  u32 head[4];
  while (fread(head, sizeof head, 1, stdin) == 1) {
    static struct call call;
    static u32 lengths[3];
    memcpy(lengths, head, sizeof lengths);
    memset(&call, 0, sizeof call);
    if (lengths[0] > CODE_SIZE || lengths[1] > MEMORY_SIZE || lengths[2] > CODE_SIZE) return 2;
    if (head[3] == 1) fully(call.args, sizeof call.args);
    else call.args[0] = (u64)memory, call.args[1] = lengths[1];
    fully(code, lengths[0]);
    fully(memory, lengths[1]);
    fully(second, lengths[2]);
    second_length = lengths[2];
    call.function = (u64)code;
    static u32 status;
    status = sigsetjmp(landing, 1);
    if (status == 0) {
      alarm(10);
      call_checked(&call);
      status = violation(&call);
    }
    alarm(0);
    fwrite(&status, sizeof status, 1, stdout);
    fwrite(&call.result, sizeof call.result, 1, stdout);
    fwrite(memory, 1, lengths[1], stdout);
  }
  return 0;
}
