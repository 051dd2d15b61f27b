/** Objects linked into C programs by the distribution's cross compiler: the platform's ABI, seen from outside. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assemble } from '@polybpf/asm';
import { compile, writeObject } from '@polybpf/jit';
import type { MapDef, Program, ProgramRelocation } from '@polybpf/isa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { riscv64 } from '../src/index.ts';

const GCC = 'riscv64-linux-gnu-gcc';
const QEMU = 'qemu-riscv64';
const SYSROOT = '/usr/riscv64-linux-gnu';
const isNative = process.arch === 'riscv64';
const compiler = isNative ? 'gcc' : GCC;
const missing = (isNative ? [compiler] : [compiler, QEMU]).filter(
  (tool) => spawnSync(tool, ['--version']).status !== 0,
);
if (missing.length > 0 && process.env['CI']) throw new Error(`missing tools: ${missing.join(', ')}`);

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

const TABLE: MapDef = { name: 'table', kind: 'map', type: 2, keySize: 4, valueSize: 8, maxEntries: 4, flags: 0 };
const KEEP = 'r6 = r1\nr7 = r2\nr8 = r3\nr9 = r4';
const MIX = 'r0 += r6\nr7 *= 1000\nr0 += r7\nr8 *= 1000000\nr0 += r8\nr9 *= 1000000000\nr0 += r9\nexit';

interface Case {
  readonly text: string;
  readonly expected: bigint;
  readonly relocations?: readonly ProgramRelocation[];
}

const CASES: Readonly<Record<string, Case>> = {
  leaf: { text: 'r0 = r1\nr0 += r5\nexit', expected: 6n },
  leaf_stack8: { text: '*(u64 *)(r10 - 8) = r5\nr0 = *(u8 *)(r10 - 8)\nexit', expected: 5n },
  call_stack520: {
    text: '*(u64 *)(r10 - 512) = r2\nr6 = r3\nr7 = r4\nr8 = r5\nr9 = r1\ncall 7\nr1 = *(u64 *)(r10 - 512)\nr0 += r1\nr0 += r9\nexit',
    expected: 54324n,
  },
  leaf_stack512: { text: '*(u64 *)(r10 - 512) = r5\nr0 = *(u64 *)(r10 - 512)\nexit', expected: 5n },
  call: { text: 'call 7\nexit', expected: 54321n },
  call_stack8: { text: '*(u64 *)(r10 - 8) = r2\ncall 7\nr1 = *(u64 *)(r10 - 8)\nr0 += r1\nexit', expected: 54323n },
  call_stack240: {
    text: '*(u64 *)(r10 - 240) = r2\ncall 7\nr1 = *(u64 *)(r10 - 240)\nr0 += r1\nexit',
    expected: 54323n,
  },
  call_stack512: {
    text: '*(u64 *)(r10 - 512) = r2\ncall 7\nr1 = *(u64 *)(r10 - 512)\nr0 += r1\nexit',
    expected: 54323n,
  },
  call_one_saved: { text: 'r6 = r5\ncall 7\nr0 += r6\nexit', expected: 54326n },
  call_all_saved: { text: `${KEEP}\ncall 7\n${MIX}`, expected: 54321n + 4003002001n },
  call_all_stack512: {
    text: `${KEEP}\n*(u64 *)(r10 - 512) = r5\ncall 7\nr1 = *(u64 *)(r10 - 512)\nr0 += r1\n${MIX}`,
    expected: 54326n + 4003002001n,
  },
  call_two_saved_stack496: {
    text: 'r6 = r1\nr7 = r2\n*(u64 *)(r10 - 496) = r5\ncall 7\nr1 = *(u64 *)(r10 - 496)\nr0 += r1\nr0 += r6\nr0 += r7\nexit',
    expected: 54329n,
  },
  nested: {
    text: `${KEEP}\ncall callee\n${MIX}\n.function callee\nr6 = r5\nr7 = 7\n*(u64 *)(r10 - 8) = r6\ncall 7\nr0 += r6\nr0 += r7\nexit`,
    expected: 54321n + 12n + 4003002001n,
  },
  may_goto_frame: {
    text: 'r0 = 0\nloop:\nr0 += 1\nif r0 == 5 goto done\nmay_goto done\ngoto loop\ndone:\nexit',
    expected: 5n,
  },
  tail_hits: { text: `${KEEP}\n*(u64 *)(r10 - 64) = 1\nr3 = 1\ncall 12\nr0 = 5\nexit`, expected: 1000n },
  tail_misses: { text: 'r3 = 2\ncall 12\nexit', expected: 2n ** 64n - 2n },
  tail_dead_result: { text: 'r6 = r2\nr3 = 2\ncall 12\nr0 = r6\nexit', expected: 2n },
  map_address: {
    text: '.map "table" type=array key=4 value=8 entries=4\nr1 = map table ll\nr0 = *(u64 *)(r1 + 16)\nexit',
    expected: 33n,
  },
  weak_missing: {
    text: 'r0 = 5 ll\nexit',
    expected: 0n,
    relocations: [{ insn: 0, kind: 'extern', symbol: 'nobody', addend: 0, weak: true }],
  },
  odd_address: {
    text: 'r1 = 5 ll\nr0 = *(u8 *)(r1 + 0)\nexit',
    expected: 0n,
    relocations: [{ insn: 0, kind: 'extern', symbol: 'table', addend: 17 }],
  },
  extern_address: {
    text: 'r1 = 5 ll\nr0 = *(u64 *)(r1 + 0)\nexit',
    expected: 44n,
    relocations: [{ insn: 0, kind: 'extern', symbol: 'table', addend: 24 }],
  },
  callback: {
    text: 'r6 = func callee ll\nr1 = 40\ncallx r6\nexit\n.function callee\nr0 = r1\nr0 += 2\nexit',
    expected: 42n,
  },
  kfunc: {
    text: 'r1 = 41\ncall kfunc -1\nexit',
    expected: 42n,
    relocations: [{ insn: 1, kind: 'kfunc', symbol: 'known', addend: 0 }],
  },
};

describe.skipIf(missing.length > 0)(`linked into C (missing: ${missing.join(', ') || 'nothing'})`, () => {
  let folder: string;
  const file = (name: string): string => join(folder, name);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'jit-riscv64-link-'));
    const compiled = Object.entries(CASES).map(([name, { text, relocations }]) => {
      const parsed = assemble(text, { name, syntax: 'kernel' });
      const program: Program = {
        ...parsed,
        maps: parsed.maps.length > 0 ? [TABLE] : [],
        relocations: relocations ?? parsed.relocations,
      };
      return compile(program, riscv64);
    });
    writeFileSync(file('programs.o'), writeObject(compiled));
    writeFileSync(
      file('programs.h'),
      Object.keys(CASES)
        .map((name) => `P(${name})\n`)
        .join(''),
    );
    writeFileSync(file('call.S'), CALL_CHECKED);
    writeFileSync(file('main.c'), MAIN);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Links with some options and runs; result and state of the registers by program. */
  function linked(options: readonly string[]): ReadonlyMap<string, readonly [r0: string, registers: string]> {
    const sources = ['main.c', 'call.S', 'programs.o'].map(file);
    execFileSync(compiler, ['-O2', '-w', ...options, '-o', file('a.out'), ...sources], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [command, ...args] = isNative ? [file('a.out')] : [QEMU, '-L', SYSROOT, file('a.out')];
    const output = execFileSync(command!, args, { encoding: 'utf8', timeout: 60_000 });
    return new Map(
      output
        .trim()
        .split('\n')
        .map((line) => {
          const [name, r0, registers] = line.split(' ');
          return [name!, [r0!, registers!]];
        }),
    );
  }

  it.each([
    ['statically', ['-static']],
    ['position dependent', ['-no-pie']],
  ] as const)('%s: every program gives its result and keeps registers and sp', (_, options) => {
    const lines = linked(options);
    for (const [name, { expected }] of Object.entries(CASES)) {
      expect([name, ...(lines.get(name) ?? [])]).toEqual([name, expected.toString(16), 'kept']);
    }
  });

  it('position independent, but for the literal of a weak symbol', () => {
    const lines = linked(['-pie', '-Wl,-z,notext']);
    for (const [name, { expected }] of Object.entries(CASES)) {
      if (name !== 'weak_missing') expect([name, ...(lines.get(name) ?? [])]).toEqual([name, expected.toString(16), 'kept']); // prettier-ignore
    }
  });
});
