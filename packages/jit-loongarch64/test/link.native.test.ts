/**
 * Objects linked into C programs: the platform's ABI, seen from outside. Debian 12 has neither gcc nor a C library for
 * LoongArch, so clang and lld make a program that stands alone.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assemble } from '@polybpf/asm';
import { compile, writeObject } from '@polybpf/jit';
import type { MapDef, Program, ProgramRelocation } from '@polybpf/isa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loongarch64 } from '../src/index.ts';

const CLANG = 'clang-19';
const LLD = 'ld.lld-19';
const QEMU = 'qemu-loongarch64';
/** qemu 7.2 has no vector instructions. */
const CFLAGS = ['-target', 'loongarch64-linux-gnu', '-mno-lsx', '-O2', '-ffreestanding', '-fno-stack-protector', '-w'];
const MAIN = fileURLToPath(new URL('./link-main.c', import.meta.url));
const tools = process.arch === 'loong64' ? [CLANG, LLD] : [CLANG, LLD, QEMU];
const missing = tools.filter((tool) => spawnSync(tool, ['--version']).status !== 0);
if (missing.length > 0 && process.env['CI']) throw new Error(`missing tools: ${missing.join(', ')}`);

/** Stores or sets fp and s0 to s8. */
const each = (line: (register: string, i: number) => string): string =>
  ['$fp', ...Array.from({ length: 9 }, (_, i) => `$s${i}`)].map((register, i) => `  ${line(register, i)}\n`).join('');

/**
 * Calls `fn` with five arguments and known values in fp and s0 to s8; stores those registers in `out`, then how far sp moved
 * and whether tp has changed.
 */
const CALL_CHECKED = `
  .text
  .globl _start
_start:
  b start
  .globl call_checked
call_checked:
  addi.d $sp, $sp, -128
  st.d $ra, $sp, 0
${each((register, i) => `st.d ${register}, $sp, ${8 + 8 * i}`)}
  st.d $a2, $sp, 104
  pcalau12i $t0, %pc_hi20(saved)
  addi.d $t0, $t0, %pc_lo12(saved)
  st.d $sp, $t0, 0
  st.d $tp, $t0, 8
  move $t1, $a0
  move $t0, $a1
${each((register, i) => `ori ${register}, $zero, ${(i + 1) * 257}`)}
  ld.d $a0, $t0, 0
  ld.d $a1, $t0, 8
  ld.d $a2, $t0, 16
  ld.d $a3, $t0, 24
  ld.d $a4, $t0, 32
  jirl $ra, $t1, 0
  pcalau12i $t0, %pc_hi20(saved)
  addi.d $t0, $t0, %pc_lo12(saved)
  move $t1, $sp
  ld.d $sp, $t0, 0
  sub.d $t1, $t1, $sp
  ld.d $t2, $t0, 8
  sub.d $t2, $tp, $t2
  ld.d $t0, $sp, 104
${each((register, i) => `st.d ${register}, $t0, ${8 * i}`)}
  st.d $t1, $t0, 80
  st.d $t2, $t0, 88
${each((register, i) => `ld.d ${register}, $sp, ${8 + 8 * i}`)}
  ld.d $ra, $sp, 0
  addi.d $sp, $sp, 128
  ret
  .bss
  .balign 8
saved:
  .skip 16
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
  const clang = (source: string, object: string): void =>
    void execFileSync(CLANG, [...CFLAGS, '-I', folder, '-c', '-o', object, source], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'jit-loongarch64-link-'));
    const compiled = Object.entries(CASES).map(([name, { text, relocations }]) => {
      const parsed = assemble(text, { name, syntax: 'kernel' });
      const program: Program = {
        ...parsed,
        maps: parsed.maps.length > 0 ? [TABLE] : [],
        relocations: relocations ?? parsed.relocations,
      };
      return compile(program, loongarch64);
    });
    writeFileSync(file('programs.o'), writeObject(compiled));
    writeFileSync(
      file('programs.h'),
      Object.keys(CASES)
        .map((name) => `P(${name})\n`)
        .join(''),
    );
    writeFileSync(file('call.S'), CALL_CHECKED);
    clang(file('call.S'), file('call.o'));
    clang(MAIN, file('main.o'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ["at the linker's addresses", []],
    ['beyond 4 GiB', ['-Ttext=0x234567000', '-Tdata=0x2a4567000', '-Tbss=0x2a5000000']],
  ] as const)('%s: every program gives its result and keeps registers and sp', (_, options) => {
    execFileSync(LLD, ['-static', ...options, '-o', file('a.out'), ...['call.o', 'main.o', 'programs.o'].map(file)], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [command, ...args] = process.arch === 'loong64' ? [file('a.out')] : [QEMU, file('a.out')];
    const output = execFileSync(command!, args, { encoding: 'utf8', timeout: 60_000 });
    const expected = Object.entries(CASES).map(([name, { expected: r0 }]) => `${name} ${r0.toString(16)} kept`);
    expect(output.trim().split('\n')).toEqual(expected);
  });
});
