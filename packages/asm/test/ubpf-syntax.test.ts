import { assemble, detectSyntax, disassemble, formatInsn, parseInsns } from '@polybpf/asm';
import { INSN_TABLE } from '@polybpf/isa';
import { describe, expect, test } from 'vitest';

const toKernel = (text: string): string => disassemble(parseInsns(text, 'ubpf'), { numbers: 'decimal' }).trim();

describe('the ubpf syntax', () => {
  // Canonical ubpf text and the same instruction in kernel syntax.
  test.each([
    ['mov %r1, -1', 'r1 = -1'],
    ['mov32 %r1, %r2', 'w1 = w2'],
    ['movsx1632 %r1, %r2', 'w1 = (s16)w2'],
    ['movsx3264 %r1, %r2', 'r1 = (s32)r2'],
    ['sdiv %r1, 5', 'r1 s/= 5'],
    ['smod32 %r1, %r2', 'w1 s%= w2'],
    ['arsh %r1, 63', 'r1 s>>= 63'],
    ['neg32 %r1', 'w1 = -w1'],
    ['be16 %r1', 'r1 = be16 r1'],
    ['bswap64 %r1', 'r1 = bswap64 r1'],
    ['addr_space_cast %r1, %r2, 65536', 'r1 = addr_space_cast(r2, 1, 0)'],
    ['lddw %r0, 0x1122334455667788', 'r0 = 1234605616436508552 ll'],
    ['lddw %r0, 0xffffffffffffffff', 'r0 = -1 ll'],
    ['lddw %r0, map_fd[3]', 'r0 = map_fd[3] ll'],
    ['lddw %r0, map_value[3][8]', 'r0 = map_value[3][8] ll'],
    ['lddw %r0, btf_id[7]', 'r0 = btf_id[7] ll'],
    ['lddw %r0, func +5', 'r0 = func +5 ll'],
    ['ldxdw %r0, [%r1+8]', 'r0 = *(u64 *)(r1 + 8)'],
    ['ldxsb %r0, [%r10-1]', 'r0 = *(s8 *)(r10 - 1)'],
    ['stxdw [%r10-8], %r0', '*(u64 *)(r10 - 8) = r0'],
    ['stb [%r1], 5', '*(u8 *)(r1 + 0) = 5'],
    ['ldabsh 14', 'r0 = *(u16 *)skb[14]'],
    ['ldindb %r2, 4', 'r0 = *(u8 *)skb[r2 + 4]'],
    ['lock add32 [%r10-8], %r1', 'lock *(u32 *)(r10 - 8) += r1'],
    ['lock fetch or [%r10-8], %r1', 'r1 = atomic_fetch_or((u64 *)(r10 - 8), r1)'],
    ['lock xchg32 [%r10-8], %r1', 'w1 = xchg32_32(r10 - 8, w1)'],
    ['lock cmpxchg [%r10-8], %r1', 'r0 = cmpxchg_64(r10 - 8, r0, r1)'],
    ['load_acquire16 %r1, [%r2+2]', 'w1 = load_acquire((u16 *)(r2 + 2))'],
    ['store_release64 [%r2], %r1', 'store_release((u64 *)(r2 + 0), r1)'],
    ['jeq %r1, 5, +3', 'if r1 == 5 goto +3'],
    ['jsle32 %r1, %r2, -3', 'if w1 s<= w2 goto -3'],
    ['ja +3', 'goto +3'],
    ['ja32 -3', 'gotol -3'],
    ['may_goto +3', 'may_goto +3'],
    ['call 5', 'call 5'],
    ['call local +5', 'call local +5'],
    ['call kfunc 5, 1', 'call kfunc 5, 1'],
    ['call %r2', 'callx r2'],
    ['exit', 'exit'],
  ])('%s', (ubpf, kernel) => {
    expect(toKernel(ubpf)).toBe(kernel);
    expect(formatInsn(parseInsns(kernel), 0, 'ubpf')).toBe(ubpf);
  });

  test.each([
    ['swap16 %r1', 'bswap16 %r1'],
    ['mov r1, r2', 'mov %r1, %r2'],
    ['ldxw %r1, [%r2 + 0x8]', 'ldxw %r1, [%r2+8]'],
    ['ldxw %r1, [%r2+0]', 'ldxw %r1, [%r2]'],
    ['call helper 5', 'call 5'],
    ['callx %r2', 'call %r2'],
    ['mov %r1, 5 # comment', 'mov %r1, 5'],
    ['mov %r1, 5 ; comment', 'mov %r1, 5'],
    ['mov %r1, 010', 'mov %r1, 10'],
    ['  mov   %r1 ,5', 'mov %r1, 5'],
    ['3: mov %r1, 5', 'mov %r1, 5'],
    ['lddw %r1, -1', 'lddw %r1, 0xffffffffffffffff'],
  ])('reads %s', (written, plain) => {
    expect(parseInsns(written, 'ubpf')).toEqual(parseInsns(plain, 'ubpf'));
  });

  test('functions, labels and maps', () => {
    const program = assemble(
      '.map m type=array value=4\nmov %r1, 1\nlddw %r2, map m\ncall local f\njne %r0, 0, done\nmov %r0, 2\ndone:\nexit\nf:\nmov %r0, %r1\nexit',
      { syntax: 'ubpf' },
    );
    // prettier-ignore
    expect(program.subprograms.map(({ name, start }) => [name, start])).toEqual([['main', 0], ['f', 7]]);
    expect(program.insns[1]).toMatchObject({ src_reg: 5, imm: 0 });
    expect(program.insns[3]!.imm).toBe(3);
    expect(program.insns[4]!.offset).toBe(1);
    const text = disassemble(program, { syntax: 'ubpf', targets: 'labels' });
    expect(text).toContain('\tcall local f\n\tjne %r0, 0, L6\n');
    expect(text).toContain('lddw %r2, map m\n');
  });

  test.each([
    ['mov %r0, 1', 'ubpf'],
    ['# c\n\nstart:\n  exit\n  lddw %r1, 5', 'ubpf'],
    ['lock add [%r1], %r2', 'ubpf'],
    ['exit', 'kernel'],
    ['r0 = 1', 'kernel'],
    ['0: (b7) r0 = 0', 'kernel'],
    ['if r1 > 2 goto +1', 'kernel'],
    ['lock *(u64 *)(r1 + 0) += r2', 'kernel'],
    ['', 'kernel'],
    ['*(u8 *)(r1 + 0) = 1\nexit', 'kernel'],
    ['call 1\nexit', 'kernel'],
    ['call 1\nja +0\nexit', 'ubpf'],
  ])('%j is recognised as %s', (text, syntax) => {
    expect(detectSyntax(text)).toBe(syntax);
  });

  test('has one mnemonic for each row', () => {
    const texts = INSN_TABLE.map((row) => {
      const slot = { opcode: row.opcode, dst_reg: 0, src_reg: 0, offset: 0, imm: 0, ...row.fixed };
      return formatInsn([slot, { ...slot, opcode: 0, src_reg: 0 }], 0, 'ubpf');
    });
    expect(new Set(texts).size).toBe(INSN_TABLE.length);
  });
});
