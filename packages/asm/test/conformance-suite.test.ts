import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assemble, detectSyntax, disassemble } from '@polybpf/asm';
import { checkInsns, decodeInsns, encodeProgram, INSN_TABLE, rowOf } from '@polybpf/isa';
import { expect, test } from 'vitest';
import { describeWithShared } from './system-tools.ts';

/** The sections of a `.data` file: `-- asm`, `-- raw`. */
function sections(text: string): Map<string, string> {
  const parts = text.split(/^-- (.+)$/m);
  return new Map(parts.flatMap((title, i) => (i % 2 === 1 ? [[title, parts[i + 1]!] as const] : [])));
}

describeWithShared('conformance/bpf_conformance', 'the public conformance suite', (folder) => {
  const files = readdirSync(folder).filter((name) => name.endsWith('.data'));
  const programs = files.map((name) => ({ name, parts: sections(readFileSync(join(folder, name), 'utf8')) }));

  test('all 313 files assemble to legal programs in both byte orders', () => {
    expect(files).toHaveLength(313);
    for (const { name, parts } of programs) {
      for (const endian of ['little', 'big'] as const) {
        const program = assemble(parts.get('asm')!, { syntax: 'ubpf', file: name, endian });
        expect(checkInsns(program.insns).map(String), name).toEqual([]);
        expect(program.insns.length, name).toBeGreaterThan(0);
      }
      expect(detectSyntax(parts.get('asm')!), name).toBe('ubpf');
    }
  });

  test('the raw words of a file are what its text assembles to', () => {
    const withRaw = programs.filter(({ parts }) => parts.has('raw'));
    expect(withRaw.length).toBeGreaterThan(0);
    for (const { parts } of withRaw) {
      const words = parts.get('raw')!.trim().split(/\s+/);
      const bytes = new Uint8Array(words.length * 8);
      words.forEach((word, i) => new DataView(bytes.buffer).setBigUint64(i * 8, BigInt(word), true));
      expect(assemble(parts.get('asm')!, { syntax: 'ubpf' }).insns).toEqual(decodeInsns(bytes));
    }
  });

  test('every way to print each file assembles to the same bytes', () => {
    let printed = 0;
    for (const { name, parts } of programs) {
      for (const endian of ['little', 'big'] as const) {
        const program = assemble(parts.get('asm')!, { syntax: 'ubpf', endian });
        const bytes = Buffer.from(encodeProgram(program.insns, endian)).toString('hex');
        for (const syntax of ['kernel', 'ubpf'] as const) {
          for (const targets of ['relative', 'labels', 'annotated'] as const) {
            // prettier-ignore
            const text = disassemble(program, { syntax, targets, addresses: targets === 'annotated', bytes: printed++ % 2 === 0, source: true });
            const back = assemble(text, { syntax, endian });
            expect(Buffer.from(encodeProgram(back.insns, endian)).toString('hex'), `${name}\n${text}`).toBe(bytes);
          }
        }
      }
    }
    expect(printed).toBe(313 * 12);
  });

  test('uses all of RFC 9669 but packet access, kfuncs and the pseudo sources', () => {
    // prettier-ignore
    const used = new Set(programs.flatMap(({ parts }) => assemble(parts.get('asm')!, { syntax: 'ubpf' }).insns.map((insn) => rowOf(insn)?.name)));
    const unused = INSN_TABLE.filter((row) => row.group !== 'linux' && row.group !== 'packet' && !used.has(row.name));
    expect(unused.map((row) => row.name).sort()).toEqual(
      // prettier-ignore
      ['call_kfunc', ...['map_fd', 'map_value', 'btf_id', 'func', 'map_idx', 'map_idx_value'].map((op) => `ld_imm64_${op}`)].sort(),
    );
  });

  test('the label exit is the first exit, unless it is defined', () => {
    expect(assemble('ja exit\nmov %r0, 1\nexit\nexit', { syntax: 'ubpf' }).insns[0]!.offset).toBe(1);
    expect(assemble('ja exit\nexit\nexit: exit', { syntax: 'ubpf' }).insns[0]!.offset).toBe(1);
    expect(() => assemble('goto exit\nexit')).toThrow('undefined name exit');
  });
});
