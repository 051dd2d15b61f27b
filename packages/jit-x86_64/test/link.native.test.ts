/** Objects linked into a C program: the platform's ABI, seen from outside. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assemble } from '@polybpf/asm';
import { createHelperRegistry, runProgram } from '@polybpf/interpreter';
import { makeProgram, type Program, type ProgramRelocation } from '@polybpf/isa';
import { compile, writeObject } from '@polybpf/jit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { x86_64 } from '../src/index.ts';
import { makeRandom, mix, MIX_HELPER, randomProgram, trialMemory } from './program-generator.ts';

const canRun = process.platform === 'linux' && process.arch === 'x64' && spawnSync('gcc', ['--version']).status === 0;
if (!canRun && process.arch === 'x64' && process.env['CI'] !== undefined) throw new Error('gcc is missing');

/**
 * call_checked(fn, args, out): calls fn with five arguments and known values in all callee-saved registers; stores those
 * registers and how far rsp moved in `out`.
 */
const CALL_CHECKED = `
  .intel_syntax noprefix
  .text
  .globl call_checked
call_checked:
  push rbx
  push rbp
  push r12
  push r13
  push r14
  push r15
  push rdx
  mov rax, rdi
  mov r10, rsi
  mov rdi, [r10]
  mov rsi, [r10+8]
  mov rdx, [r10+16]
  mov rcx, [r10+24]
  mov r8, [r10+32]
  mov rbx, 0x1111
  mov r12, 0x2222
  mov r13, 0x3333
  mov r14, 0x4444
  mov r15, 0x5555
  mov rbp, rsp
  xor rbp, 0x6666
  call rax
  mov rcx, rsp
  xor rbp, 0x6666
  sub rcx, rbp
  mov rdx, [rbp]
  mov [rdx], rbx
  mov [rdx+8], r12
  mov [rdx+16], r13
  mov [rdx+24], r14
  mov [rdx+32], r15
  mov [rdx+40], rcx
  mov rsp, rbp
  pop rdx
  pop r15
  pop r14
  pop r13
  pop r12
  pop rbp
  pop rbx
  ret
  .section .note.GNU-stack,"",@progbits
`;

/** A helper that looks at the alignment of the stack and destroys every register that a callee may. */
const HELPERS = `
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
typedef uint64_t u64;
u64 call_checked(void *fn, u64 *args, u64 *out);
static int misaligned;
u64 bpf_helper_${MIX_HELPER}(u64 a, u64 b, u64 c, u64 d, u64 e) {
  if ((u64)__builtin_frame_address(0) & 15) misaligned = 1;
  u64 args[5] = {a, b, c, d, e}, sum = 7;
  for (int i = 0; i < 5; i++) sum = (sum ^ args[i]) * 0x9e3779b97f4a7c15u + 12345;
  __asm__ volatile("mov $-1,%%rcx\\n mov %%rcx,%%rdx\\n mov %%rcx,%%rsi\\n mov %%rcx,%%rdi\\n mov %%rcx,%%r8\\n mov %%rcx,%%r9\\n mov %%rcx,%%r10\\n mov %%rcx,%%r11"
    : : : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
  return sum;
}
static u64 run(void *fn, u64 a, u64 b, u64 c, u64 d, u64 e) {
  u64 args[5] = {a, b, c, d, e}, out[6];
  u64 r0 = call_checked(fn, args, out);
  const u64 kept[6] = {0x1111, 0x2222, 0x3333, 0x4444, 0x5555, 0};
  if (memcmp(out, kept, sizeof kept)) { printf("callee-saved registers changed\\n"); exit(1); }
  if (misaligned) { printf("stack misaligned\\n"); exit(1); }
  return r0;
}
`;

describe.skipIf(!canRun)('objects in C programs (skipped off x86_64 Linux or without gcc)', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'polybpf-x86-link-'));
    writeFileSync(join(folder, 'call.s'), CALL_CHECKED);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function linkAndRun(programs: readonly Program[], main: string, flags: readonly string[] = []): string {
    writeFileSync(join(folder, 'programs.o'), writeObject(programs.map((program) => compile(program, x86_64))));
    writeFileSync(join(folder, 'main.c'), HELPERS + main);
    execFileSync('gcc', ['-O2', '-mno-red-zone', ...flags, '-o', 'main', 'main.c', 'call.s', 'programs.o'], {
      cwd: folder,
    });
    const { stdout, status, signal } = spawnSync('./main', { cwd: folder, encoding: 'utf8' });
    return signal === null && status === 0 ? stdout.trim() : `${stdout}status ${status} signal ${signal}`;
  }

  test.each([[[]], [['-static']], [['-no-pie']]])('random programs keep the ABI, linked with %j', (flags) => {
    const count = 150;
    const helpers = createHelperRegistry([
      { id: MIX_HELPER, call: (cx) => mix([cx.arg(1), cx.arg(2), cx.arg(3), cx.arg(4), cx.arg(5)]) },
    ]);
    const expected: string[] = [];
    const programs: Program[] = [];
    const inputs: Uint8Array[] = [];
    const lengths: number[] = [];
    for (let i = 0; i < count; i++) {
      const { insns, memory } = randomProgram(70_000 + i, { withCalls: i % 3 > 0, callx: false });
      const program = makeProgram(insns, { name: `prog_${i}` });
      const mem = trialMemory(makeRandom(i + 1), memory);
      programs.push(program);
      lengths.push(memory);
      inputs.push(mem.slice());
      const { r0 } = runProgram(program, { mem, helpers });
      expected.push(`${r0.toString(16)} ${hash(mem).toString(16)}`);
    }
    writeFileSync(join(folder, 'inputs.bin'), Buffer.concat(inputs));
    const main = `
      ${programs.map(({ name }) => `u64 ${name}(u64, u64, u64, u64, u64);`).join('\n')}
      static void *programs[] = {${programs.map(({ name }) => name).join(', ')}};
      static int lengths[] = {${lengths.join(', ')}};
      int main(void) {
        FILE *f = fopen("inputs.bin", "rb");
        for (int i = 0; i < ${count}; i++) {
          unsigned char *mem = malloc(lengths[i]);
          if (fread(mem, 1, lengths[i], f) != lengths[i]) return 1;
          u64 r0 = run(programs[i], (u64)mem, lengths[i], 0, 0, 0), h = 7;
          for (int k = 0; k < lengths[i]; k++) h = (h ^ mem[k]) * 0x100000001b3u;
          printf("%lx %lx\\n", r0, h);
        }
        return 0;
      }`;
    expect(linkAndRun(programs, main, flags).split('\n')).toEqual(expected);
  });

  test('a tail call goes to the other program with the same ctx and an empty frame, or fails with -ENOENT', () => {
    // r6 to r9 and the frame are in use when the call is made
    const caller = assemble(
      `r6 = 1
       r7 = 2
       r8 = r1
       r9 = r2
       *(u64 *)(r10 - 64) = r2
       r3 = r2
       r2 = 77
       call 12
       r1 = *(u64 *)(r10 - 64)
       r0 += r1
       r0 += r6
       r0 += r7
       exit`,
      { name: 'caller', syntax: 'kernel' },
    );
    const callee = assemble(
      `r0 = *(u64 *)(r1 + 0)
       r0 *= 3
       exit`,
      { name: 'callee', syntax: 'kernel' },
    );
    const main = `
      u64 caller(u64, u64, u64, u64, u64), callee(u64, u64, u64, u64, u64);
      static u64 ctx[1] = {14}, seen[3];
      u64 bpf_helper_12(u64 a, u64 b, u64 c) {
        bpf_helper_${MIX_HELPER}(0, 0, 0, 0, 0);
        seen[0] = a == (u64)ctx; seen[1] = b; seen[2] = c;
        return c == 5 ? (u64)callee : 0;
      }
      int main(void) {
        printf("%ld ", run(caller, (u64)ctx, 5, 0, 0, 0));
        printf("%ld %ld %ld ", seen[0], seen[1], seen[2]);
        printf("%ld", run(caller, (u64)ctx, 6, 0, 0, 0));
        return 0;
      }`;
    expect(linkAndRun([caller, callee], main)).toBe('42 1 77 5 7');
  });

  test('symbols: calls and addresses, strong and weak', () => {
    const relocations: ProgramRelocation[] = [
      { insn: 0, kind: 'extern', symbol: 'table', addend: 8 },
      { insn: 3, kind: 'extern', symbol: 'absent', addend: 0, weak: true },
      { insn: 7, kind: 'kfunc', symbol: 'twice', addend: 0 },
    ];
    const program = assemble(
      `r6 = 0 ll
       r7 = *(u64 *)(r6 + 0)
       r1 = 0 ll
       r1 += r7
       r0 = 0
       call 40
       r1 = r0
       exit`,
      { name: 'symbols', syntax: 'kernel' },
    );
    // insn 7 is the call
    const insns = program.insns.map((insn, i) => (i === 7 ? { ...insn, src_reg: 2, imm: -1 } : insn));
    const main = `
      u64 table[3] = {1, 21, 3};
      u64 twice(u64 x) { return 2 * x; }
      u64 symbols(u64, u64, u64, u64, u64);
      int main(void) { printf("%ld", run(symbols, 0, 0, 0, 0, 0)); return 0; }`;
    const linked = makeProgram(insns, { name: 'symbols', relocations });
    expect(linkAndRun([linked], main)).toBe('42');
    expect(linkAndRun([linked], main, ['-no-pie'])).toBe('42');
  });
});

function hash(bytes: Uint8Array): bigint {
  let value = 7n;
  for (const byte of bytes) value = BigInt.asUintN(64, (value ^ BigInt(byte)) * 0x100000001b3n);
  return value;
}
