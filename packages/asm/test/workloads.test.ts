import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assemble, disassemble } from '@polybpf/asm';
import { decodeProgram, encodeProgram } from '@polybpf/isa';
import { expect, test } from 'vitest';
import { describeWithShared } from './system-tools.ts';

describeWithShared('bench/workloads', 'compiled workloads', (folder) => {
  test.each(['v1', 'v2', 'v3', 'v4'])('of clang -mcpu=%s survive text in both syntaxes', (cpu) => {
    const files = readdirSync(join(folder, cpu)).filter((name) => name.endsWith('.bin'));
    expect(files.length).toBeGreaterThan(10);
    for (const name of files) {
      const bytes = new Uint8Array(readFileSync(join(folder, cpu, name)));
      const insns = decodeProgram(bytes);
      for (const syntax of ['kernel', 'ubpf'] as const) {
        for (const targets of ['relative', 'labels', 'annotated'] as const) {
          const text = disassemble(insns, { syntax, targets, addresses: targets === 'annotated' });
          expect(text).not.toContain('.insn');
          expect(Buffer.from(encodeProgram(assemble(text, { syntax }).insns)).equals(bytes), `${name} ${syntax}`).toBe(
            true,
          );
        }
      }
    }
  });
});
