/** Objects linked into C programs by the distribution's cross compiler: the platform's ABI, seen from outside. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHECKED_CASES as CASES } from '@polybpf-tools/target-tests/checked-cases';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linesByName, missingTools, writePrograms } from '../../conformance/test/linked-programs.native.ts';
import { arm64 } from '../src/index.ts';

const GCC = 'aarch64-linux-gnu-gcc';
const QEMU = 'qemu-aarch64';
const isNative = process.arch === 'arm64';
const compiler = isNative ? 'gcc' : GCC;
const missing = missingTools(isNative ? [compiler] : [compiler, QEMU]);

/**
 * Calls `fn` with five arguments and known values in x19 to x28; stores those registers and how far sp moved in `out`.
 * The callee sees a stack pointer that is a multiple of 16.
 */
const CALL_CHECKED = `
  .text
  .globl call_checked
call_checked:
  stp x29, x30, [sp, -128]!
  mov x29, sp
  stp x19, x20, [sp, 16]
  stp x21, x22, [sp, 32]
  stp x23, x24, [sp, 48]
  stp x25, x26, [sp, 64]
  stp x27, x28, [sp, 80]
  str x2, [sp, 96]
  mov x9, x0
  mov x10, x1
  .irp n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28
  mov x\\n, \\n * 257
  .endr
  ldp x0, x1, [x10]
  ldp x2, x3, [x10, 16]
  ldr x4, [x10, 32]
  mov x10, sp
  str x10, [sp, 104]
  blr x9
  mov x9, sp
  ldr x10, [x29, 104]
  sub x11, x9, x10
  mov sp, x10
  ldr x9, [sp, 96]
  stp x19, x20, [x9]
  stp x21, x22, [x9, 16]
  stp x23, x24, [x9, 32]
  stp x25, x26, [x9, 48]
  stp x27, x28, [x9, 64]
  str x11, [x9, 80]
  ldp x19, x20, [sp, 16]
  ldp x21, x22, [sp, 32]
  ldp x23, x24, [sp, 48]
  ldp x25, x26, [sp, 64]
  ldp x27, x28, [sp, 80]
  ldp x29, x30, [sp], 128
  ret
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
  __asm__ volatile("mov x5,-1\\n mov x6,-1\\n mov x7,-1\\n mov x8,-1\\n mov x9,-1\\n mov x10,-1\\n mov x11,-1\\n mov x12,-1\\n"
    "mov x13,-1\\n mov x14,-1\\n mov x15,-1\\n mov x16,-1\\n mov x17,-1" ::: "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17");
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
  u64 args[5] = {1, 2, 3, 4, 5}, out[11];
  u64 r0 = call_checked(fn, args, out);
  int kept = out[10] == 0;
  for (int i = 0; i < 10; i++) kept = kept && out[i] == (u64)(19 + i) * 257;
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
  let lines: ReadonlyMap<string, string>;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'jit-arm64-link-'));
    const file = (name: string): string => join(folder, name);
    writePrograms(folder, arm64, CASES);
    writeFileSync(file('call.S'), CALL_CHECKED);
    writeFileSync(file('main.c'), MAIN);
    const sources = ['main.c', 'call.S', 'programs.o'].map(file);
    execFileSync(compiler, ['-O2', '-w', '-static', '-o', file('a.out'), ...sources], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [command, ...args] = isNative ? [file('a.out')] : [QEMU, file('a.out')];
    const output = execFileSync(command!, args, { encoding: 'utf8', timeout: 60_000 });
    lines = linesByName(output);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(Object.entries(CASES))('%s gives its result and keeps registers and sp', (name, { expected }) => {
    expect(lines.get(name)).toBe(`${expected.toString(16)} kept`);
  });
});
