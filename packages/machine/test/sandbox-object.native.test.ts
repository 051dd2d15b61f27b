/** Sandboxed programs in ELF objects, linked into a C program that has the arena and the fault handler. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assemble } from '@polybpf/asm';
import { makeProgram } from '@polybpf/isa';
import { compile, writeHeader, writeObject } from '@polybpf/jit';
import { targetByName } from '@polybpf/targets';
import { describe, expect, it } from 'vitest';

/** Target, compiler, and what runs its programs. */
const TOOLS = [
  ['x86_64', 'gcc', []],
  ['arm64', 'aarch64-linux-gnu-gcc', ['qemu-aarch64']],
  ['s390x', 's390x-linux-gnu-gcc', ['qemu-s390x']],
] as const;

const PROGRAM = `
.function boxed
  r6 = r1
  r1 = r10
  r1 += -8
  *(u64 *)(r1 + 0) = 5
  r2 = *(u64 *)(r6 + 0)
  r0 = *(u64 *)(r2 + 0)
  r3 = *(u64 *)(r1 + 0)
  r0 += r3
  r1 = r0
  call pass
  exit
pass:
  r4 = r10
  r4 += -16
  *(u64 *)(r4 + 0) = r1
  r0 = *(u64 *)(r4 + 0)
  exit`;

const MAIN = `
#include <setjmp.h>
#include <stdio.h>
#include <sys/mman.h>
#include "boxed.h"
#define ARENA 0x40000000ul
#define SIZE (1ul << 28)
struct polybpf_arena polybpf_arena;
static jmp_buf out;
static uint64_t where, which;
void polybpf_fault(uint64_t insn, uint64_t address) {
  char text[64];
  snprintf(text, 64, "%f", 1.0); /* needs an aligned stack */
  which = insn; where = address;
  longjmp(out, 1);
}
int main(void) {
  mmap((void *)(ARENA - 0x100000), SIZE + 0x200000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
  mprotect((void *)ARENA, 1 << 24, PROT_READ | PROT_WRITE);
  uint64_t *mem = (uint64_t *)ARENA, secret = 1;
  polybpf_arena.tag = ARENA >> 28;
  polybpf_arena.stack_delta = (int64_t)(ARENA + (1 << 23)) - ((int64_t)&secret & ~15);
  mem[0] = ARENA + 8; mem[1] = 37;
  if (setjmp(out) == 0) printf("%d\\n", (int)boxed(mem, 0, 0, 0, 0));
  mem[0] = (uint64_t)&secret;
  if (setjmp(out) == 0) printf("got out: %d\\n", (int)boxed(mem, 0, 0, 0, 0));
  else printf("stopped at insn %d %d\\n", (int)which, where == (uint64_t)&secret);
  return 0;
}`;

const isThere = (tool: string): boolean => spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0;

describe('an object with sandboxed programs', () => {
  for (const [name, gcc, run] of TOOLS) {
    const missing = [gcc, ...run].filter((tool) => !isThere(tool));
    if (missing.length > 0 && process.env['CI']) throw new Error(`missing: ${missing.join(', ')}`);
    it.skipIf(missing.length > 0)(`runs in C on ${name} and stops what leaves the arena`, () => {
      const folder = mkdtempSync(join(tmpdir(), 'polybpf-'));
      try {
        const target = targetByName(name);
        const compiled = compile(assemble(PROGRAM, { endian: target.endian, name: 'boxed' }), target, {
          bounds: 'sandbox',
        });
        writeFileSync(join(folder, 'boxed.o'), writeObject([compiled]));
        writeFileSync(join(folder, 'boxed.h'), writeHeader([compiled], 'BOXED_H'));
        writeFileSync(join(folder, 'main.c'), MAIN);
        const built = spawnSync(gcc, ['-O1', '-static', '-Wall', '-Werror', 'main.c', 'boxed.o', '-o', 'main'], { cwd: folder, encoding: 'utf8' }); // prettier-ignore
        expect(built.stderr).toBe('');
        const [command, ...args] = [...run, join(folder, 'main')];
        const { stdout } = spawnSync(command!, args, { encoding: 'utf8' });
        expect(stdout).toBe('42\nstopped at insn 5 1\n');
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }

  it('has no global data, which would lie outside of the arena', () => {
    const target = targetByName('x86_64');
    const map = { name: '.data', kind: 'data', type: 2, keySize: 4, valueSize: 8, maxEntries: 1, flags: 0 } as const;
    const insns = assemble('r1 = map_idx_value[0][0] ll\nr0 = *(u64 *)(r1 + 0)\nexit').insns;
    const compiled = compile(makeProgram(insns, { maps: [map] }), target, { bounds: 'sandbox' });
    expect(() => writeObject([compiled])).toThrow(expect.objectContaining({ code: 'E_UNSUPPORTED' }));
  });
});
