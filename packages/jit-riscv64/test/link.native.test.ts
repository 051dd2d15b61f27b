/** Objects linked into C programs by the distribution's cross compiler: the platform's ABI, seen from outside. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHECKED_CASES_OF_SHORT_OFFSETS as CASES } from '@polybpf-tools/target-tests/checked-cases';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linesByName, missingTools, writePrograms } from '../../conformance/test/linked-programs.native.ts';
import { riscv64 } from '../src/index.ts';

const GCC = 'riscv64-linux-gnu-gcc';
const QEMU = 'qemu-riscv64';
const SYSROOT = '/usr/riscv64-linux-gnu';
const isNative = process.arch === 'riscv64';
const compiler = isNative ? 'gcc' : GCC;
const missing = missingTools(isNative ? [compiler] : [compiler, QEMU]);

/**
 * Calls `fn` with five arguments and known values in s0 to s11; stores those registers and how far sp moved in `out`.
 */
const CALL_CHECKED = `
  .text
  .globl call_checked
call_checked:
  addi sp, sp, -128
  sd ra, 0(sp)
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  sd s\\n, 8 + 8 * \\n(sp)
  .endr
  sd a2, 104(sp)
  sd sp, saved_sp, t0
  mv t0, a0
  mv t1, a1
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  li s\\n, (\\n + 1) * 257
  .endr
  ld a0, 0(t1)
  ld a1, 8(t1)
  ld a2, 16(t1)
  ld a3, 24(t1)
  ld a4, 32(t1)
  jalr t0
  mv t1, sp
  ld sp, saved_sp
  sub t1, t1, sp
  ld t0, 104(sp)
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  sd s\\n, 8 * \\n(t0)
  .endr
  sd t1, 96(t0)
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  ld s\\n, 8 + 8 * \\n(sp)
  .endr
  ld ra, 0(sp)
  addi sp, sp, 128
  ret
  .bss
  .balign 8
saved_sp:
  .skip 8
  .section .note.GNU-stack, "", @progbits
`;

const MAIN = `
#include <stdint.h>
#include <stdio.h>
typedef uint64_t u64;
u64 call_checked(void *fn, u64 *args, u64 *out);
u64 table[4] = {11, 22, 33, 44};
u64 bpf_helper_7(u64 a, u64 b, u64 c, u64 d, u64 e) {
  volatile u64 local[4] = {a, b, c, d};
  u64 sp = (u64)__builtin_frame_address(0);
  /* Everything a callee may destroy. */
  __asm__ volatile("li a5,-1\\n li a6,-1\\n li a7,-1\\n li t0,-1\\n li t1,-1\\n li t2,-1\\n li t3,-1\\n li t4,-1\\n li t5,-1\\n li t6,-1"
    ::: "a5", "a6", "a7", "t0", "t1", "t2", "t3", "t4", "t5", "t6");
  return (sp & 15) ? 0xbad : local[0] + 10 * local[1] + 100 * local[2] + 1000 * local[3] + 10000 * e;
}
u64 known(u64 a) { return a + 1; }
u64 bpf_helper_12(u64 ctx, u64 array, u64 index);
#define P(name) u64 name();
#include "programs.h"
#undef P
static u64 other(u64 ctx) { return ctx * 1000; }
u64 bpf_helper_12(u64 ctx, u64 array, u64 index) { return index == 1 ? (u64)other : 0; }
static void run(const char *name, void *fn) {
  u64 args[5] = {1, 2, 3, 4, 5}, out[13];
  u64 r0 = call_checked(fn, args, out);
  int kept = out[12] == 0;
  for (int i = 0; i < 12; i++) kept = kept && out[i] == (u64)(i + 1) * 257;
  printf("%s %llx %s\\n", name, (unsigned long long)r0, kept ? "kept" : "broken");
}
int main(void) {
#define P(name) run(#name, name);
#include "programs.h"
  return 0;
}
`;

describe.skipIf(missing.length > 0)(`linked into C (missing: ${missing.join(', ') || 'nothing'})`, () => {
  let folder: string;
  const file = (name: string): string => join(folder, name);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'jit-riscv64-link-'));
    writePrograms(folder, riscv64, CASES);
    writeFileSync(file('call.S'), CALL_CHECKED);
    writeFileSync(file('main.c'), MAIN);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Links with some options and runs; result and state of the registers by program. */
  function linked(options: readonly string[]): ReadonlyMap<string, string> {
    const sources = ['main.c', 'call.S', 'programs.o'].map(file);
    execFileSync(compiler, ['-O2', '-w', ...options, '-o', file('a.out'), ...sources], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [command, ...args] = isNative ? [file('a.out')] : [QEMU, '-L', SYSROOT, file('a.out')];
    const output = execFileSync(command!, args, { encoding: 'utf8', timeout: 60_000 });
    return linesByName(output);
  }

  it.each([
    ['statically', ['-static']],
    ['position dependent', ['-no-pie']],
  ] as const)('%s: every program gives its result and keeps registers and sp', (_, options) => {
    const lines = linked(options);
    for (const [name, { expected }] of Object.entries(CASES)) {
      expect(lines.get(name), name).toBe(`${expected.toString(16)} kept`);
    }
  });

  it('position independent, but for the literal of a weak symbol', () => {
    const lines = linked(['-pie', '-Wl,-z,notext']);
    for (const [name, { expected }] of Object.entries(CASES)) {
      if (name !== 'weak_missing') expect(lines.get(name), name).toBe(`${expected.toString(16)} kept`);
    }
  });
});
