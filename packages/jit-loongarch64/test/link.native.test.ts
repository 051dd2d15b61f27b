/**
 * Objects linked into C programs: the platform's ABI, seen from outside. Debian 12 has neither gcc nor a C library for
 * LoongArch, so clang and lld make a program that stands alone.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CHECKED_CASES_OF_SHORT_OFFSETS as CASES } from '@polybpf-tools/target-tests/checked-cases';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingTools, writePrograms } from '../../conformance/test/linked-programs.native.ts';
import { loongarch64 } from '../src/index.ts';

const CLANG = 'clang-19';
const LLD = 'ld.lld-19';
const QEMU = 'qemu-loongarch64';
/** qemu 7.2 has no vector instructions. */
const CFLAGS = ['-target', 'loongarch64-linux-gnu', '-mno-lsx', '-O2', '-ffreestanding', '-fno-stack-protector', '-w'];
const MAIN = fileURLToPath(new URL('./link-main.c', import.meta.url));
const tools = process.arch === 'loong64' ? [CLANG, LLD] : [CLANG, LLD, QEMU];
const missing = missingTools(tools);

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

describe.skipIf(missing.length > 0)(`linked into C (missing: ${missing.join(', ') || 'nothing'})`, () => {
  let folder: string;
  const file = (name: string): string => join(folder, name);
  const clang = (source: string, object: string): void =>
    void execFileSync(CLANG, [...CFLAGS, '-I', folder, '-c', '-o', object, source], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'jit-loongarch64-link-'));
    writePrograms(folder, loongarch64, CASES);
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
