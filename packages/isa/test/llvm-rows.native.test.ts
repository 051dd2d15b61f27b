import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeProgram, INSN_TABLE, type Endian } from '@polybpf/isa';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { insnOf } from './arbitrary-insn.ts';

const TOOLS = ['llvm-mc-19', 'llvm-objdump-19'];
const missing = TOOLS.filter((tool) => {
  try {
    execFileSync(tool, ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    return true;
  }
});
if (missing.length > 0 && process.env['CI']) throw new Error(`missing tools: ${missing.join(' ')}`);

/** What LLVM 19 does not decode: it came with LLVM 20. Its printer shows 32 and 64-bit load_acquire as an atomic add. */
const UNKNOWN_TO_LLVM_19 = /^(load_acquire|store_release)/;

/** One line of llvm-objdump for each instruction. */
function objdump(programs: readonly Uint8Array[], endian: Endian): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'polybpf-'));
  try {
    const [source, object] = [join(folder, 'rows.s'), join(folder, 'rows.o')];
    writeFileSync(source, programs.map((bytes) => `.byte ${bytes.join(',')}\n`).join(''));
    execFileSync('llvm-mc-19', [
      '-triple',
      endian === 'little' ? 'bpfel' : 'bpfeb',
      '-filetype=obj',
      '-o',
      object,
      source,
    ]);
    const text = execFileSync('llvm-objdump-19', ['-d', '--mcpu=v4', '--no-show-raw-insn', object], {
      encoding: 'utf8',
    });
    return text.split('\n').filter((line) => /^\s+\d+:/.test(line));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe.skipIf(missing.length > 0)(
  `llvm-objdump-19 ${missing.length > 0 ? `(missing: ${missing.join(' ')})` : ''}`,
  () => {
    for (const endian of ['little', 'big'] as const) {
      test(`decodes every row, ${endian} endian`, () => {
        // prettier-ignore
        const rows = INSN_TABLE.flatMap((row) => fc.sample(insnOf(row), { numRuns: 20, seed: 1 }).map((slots) => ({ row, slots })));
        // prettier-ignore
        const lines = objdump(rows.map(({ slots }) => encodeProgram(slots, endian)), endian);
        expect(lines.length).toBe(rows.length);
        const refused = new Set(rows.filter((_, i) => lines[i]!.includes('<unknown>')).map(({ row }) => row.name));
        expect([...refused].filter((name) => !UNKNOWN_TO_LLVM_19.test(name))).toEqual([]);
      });
    }
  },
);
