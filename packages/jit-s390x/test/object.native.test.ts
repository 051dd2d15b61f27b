import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assemble } from '@polybpf/asm';
import { compile, writeObject } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { s390x } from '../src/index.ts';
import { missingTools } from './harness.ts';
import { insn } from './trials.ts';
import { makeInsn, makeProgram } from '@polybpf/isa';

const missing = missingTools();

const MAIN = `
#include <stdint.h>
#include <stdio.h>
uint64_t sum(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
uint64_t addresses(void);
uint64_t bpf_helper_7(uint64_t a, uint64_t b) { return a * 100 + b; }
uint64_t outside(uint64_t a) { return a + 1; }
const unsigned char table[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
int main(void) {
  printf("%llu\\n", (unsigned long long)sum(1, 2, 3, 4, 5));
  printf("%llu\\n", (unsigned long long)addresses());
}
`;

describe.skipIf(missing.length > 0)(`objects (missing: ${missing.join(', ') || 'nothing'})`, () => {
  it.each([['-static'], ['-pie']])('link into a C program with gcc %s', (mode) => {
    const sum = assemble(
      `r6 = r5
       r7 = r4
       r8 = r3
       call 7
       r0 += r6
       r0 += r7
       r9 = r0
       r1 = r8
       call callee
       r0 += r9
       exit
       callee:
       r0 = r1
       r0 *= 1000
       exit`,
      { endian: 'big', name: 'sum' },
    );
    const addresses = makeProgram(
      [
        insn('ld_imm64', 6),
        makeInsn(0, 0, 0, 0, 0),
        insn('ldxb', 7, 6, 0),
        insn('ld_imm64', 6),
        makeInsn(0, 0, 0, 0, 0),
        insn('ldxb', 8, 6, 0),
        insn('ld_imm64', 9),
        makeInsn(0, 0, 0, 0, 0),
        insn('mov64_imm', 1, 0, 0, 40),
        insn('call_kfunc', 0, 0, 0, -1),
        insn('mul64_imm', 0, 0, 0, 100),
        insn('mul64_imm', 7, 0, 0, 10),
        insn('add64_reg', 0, 7),
        insn('add64_reg', 0, 8),
        insn('add64_reg', 0, 9),
        insn('exit'),
      ],
      {
        endian: 'big',
        name: 'addresses',
        relocations: [
          { insn: 0, kind: 'extern', symbol: 'table', addend: 4 },
          { insn: 3, kind: 'extern', symbol: 'table', addend: 7 },
          { insn: 6, kind: 'extern', symbol: 'nowhere', addend: 0, weak: true },
          { insn: 9, kind: 'kfunc', symbol: 'outside', addend: 0 },
        ],
      },
    );
    const folder = mkdtempSync(join(tmpdir(), 'jit-s390x-'));
    try {
      writeFileSync(join(folder, 'programs.o'), writeObject([compile(sum, s390x), compile(addresses, s390x)]));
      writeFileSync(join(folder, 'main.c'), MAIN);
      const output = join(folder, 'main');
      execFileSync('s390x-linux-gnu-gcc', [
        '-O1',
        mode,
        '-o',
        output,
        join(folder, 'main.c'),
        join(folder, 'programs.o'),
      ]);
      expect(execFileSync('qemu-s390x', ['-L', '/usr/s390x-linux-gnu', output], { encoding: 'utf8' })).toBe(
        `${102 + 5 + 4 + 3000}\n${4100 + 40 + 7}\n`,
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
