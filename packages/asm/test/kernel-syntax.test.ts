import { assemble, disassemble, formatInsn, parseInsns } from '@polybpf/asm';
import { makeInsn, type Insn } from '@polybpf/isa';
import { describe, expect, test } from 'vitest';

const insn = (opcode: number, dst_reg = 0, src_reg = 0, offset = 0, imm = 0): Insn =>
  makeInsn(opcode, dst_reg, src_reg, offset, imm);

describe('what llvm-objdump and llvm-mc write', () => {
  // Text, slots; bytes as llvm-mc 19 encodes them.
  test.each<[string, Insn]>([
    ['r1 = 0x5', insn(0xb7, 1, 0, 0, 5)],
    ['r1 = -0x5', insn(0xb7, 1, 0, 0, -5)],
    ['w1 += w2', insn(0x0c, 1, 2)],
    ['r1 s/= r2', insn(0x3f, 1, 2, 1)],
    ['w1 s%= -0x7', insn(0x94, 1, 0, 1, -7)],
    ['r1 s>>= 0x3f', insn(0xc7, 1, 0, 0, 63)],
    ['r0 = (s8)r1', insn(0xbf, 0, 1, 8)],
    ['w0 = (s16)w1', insn(0xbc, 0, 1, 16)],
    ['r3 = -r3', insn(0x87, 3)],
    ['r0 = be16 r0', insn(0xdc, 0, 0, 0, 16)],
    ['r4 = bswap32 r4', insn(0xd7, 4, 0, 0, 32)],
    ['r1 = addr_space_cast(r2, 0x0, 0x1)', insn(0xbf, 1, 2, 1, 1)],
    ['r1 = addr_space_cast(r2, 0x1, 0x0)', insn(0xbf, 1, 2, 1, 65536)],
    ['r1 = *(u32 *)(r2 + 0x8)', insn(0x61, 1, 2, 8)],
    ['r1 = *(s8 *)(r2 - 0x1)', insn(0x91, 1, 2, -1)],
    ['*(u64 *)(r10 - 0x8) = r1', insn(0x7b, 10, 1, -8)],
    ['*(u32 *)(r1 + 0x0) = 0x5', insn(0x62, 1, 0, 0, 5)],
    ['r0 = *(u16 *)skb[0xe]', insn(0x28, 0, 0, 0, 14)],
    ['r0 = *(u8 *)skb[r3]', insn(0x50, 0, 3)],
    ['if r1 s> 0x5 goto +0x3', insn(0x65, 1, 0, 3, 5)],
    ['if w1 & 0x7 goto +0x1', insn(0x46, 1, 0, 1, 7)],
    ['if w1 & w7 goto -0x1', insn(0x4e, 1, 7, -1)],
    ['goto +0x5', insn(0x05, 0, 0, 5)],
    ['gotol -0x12345', insn(0x06, 0, 0, 0, -0x12345)],
    ['may_goto +0x3', insn(0xe5, 0, 0, 3)],
    ['call 0x5', insn(0x85, 0, 0, 0, 5)],
    ['call -0x1', insn(0x85, 0, 0, 0, -1)],
    ['callx r2', insn(0x8d, 2)],
    ['exit', insn(0x95)],
    ['lock *(u64 *)(r1 + 0x0) += r2', insn(0xdb, 1, 2)],
    ['lock *(u32 *)(r1 - 0x8) ^= w2', insn(0xc3, 1, 2, -8, 0xa0)],
    ['r2 = atomic_fetch_add((u64 *)(r1 + 0x0), r2)', insn(0xdb, 1, 2, 0, 1)],
    ['w2 = atomic_fetch_and((u32 *)(r1 + 0x4), w2)', insn(0xc3, 1, 2, 4, 0x51)],
    ['r2 = xchg_64(r1 + 0x0, r2)', insn(0xdb, 1, 2, 0, 0xe1)],
    ['w1 = xchg32_32(r1 + 0x0, w1)', insn(0xc3, 1, 1, 0, 0xe1)],
    ['r0 = cmpxchg_64(r1 + 0x0, r0, r2)', insn(0xdb, 1, 2, 0, 0xf1)],
    ['w0 = cmpxchg32_32(r1 - 0x8, w0, w2)', insn(0xc3, 1, 2, -8, 0xf1)],
  ])('%s', (text, expected) => {
    expect(parseInsns(text)).toEqual([expected]);
    expect(formatInsn([expected], 0)).toBe(text);
  });

  test.each<[string, number, number]>([
    ['r1 = 0x0 ll', 0, 0],
    ['r1 = 0x600000005 ll', 5, 6],
    ['r1 = -0x500000005 ll', -5, -6],
    ['r1 = -0x8000000000000000 ll', 0, -2147483648],
    ['r1 = 0x7fffffffffffffff ll', -1, 2147483647],
    ['r1 = 0xffffffff ll', -1, 0],
    ['r1 = -0x100000000 ll', 0, -1],
    ['r1 = -0x80000000 ll', -2147483648, -1],
    ['r1 = 0x80000000 ll', -2147483648, 0],
    ['r1 = -0xffffffff ll', 1, -1],
  ])('%s', (text, low, high) => {
    const slots = [insn(0x18, 1, 0, 0, low), insn(0, 0, 0, 0, high)];
    expect(parseInsns(text)).toEqual(slots);
    expect(formatInsn(slots, 0)).toBe(text);
    const decimal = formatInsn(slots, 0, { numbers: 'decimal' });
    expect(decimal).toMatch(/^r1 = -?\d+ ll$/);
    expect(parseInsns(decimal)).toEqual(slots);
  });

  test('mcpu v4 writes narrow memory operands as w registers', () => {
    const load = parseInsns('r1 = *(u8 *)(r2 + 0)');
    expect(formatInsn(load, 0, { mcpu: 'v4' })).toBe('w1 = *(u8 *)(r2 + 0x0)');
    expect(parseInsns('w1 = *(u8 *)(r2 + 0)')).toEqual(load);
    expect(parseInsns('*(u16 *)(r2 + 0) = w1')).toEqual(parseInsns('*(u16 *)(r2 + 0) = r1'));
    expect(formatInsn(parseInsns('lock *(u32 *)(r1 + 0) += w2'), 0)).toBe('lock *(u32 *)(r1 + 0x0) += r2');
    expect(formatInsn(parseInsns('r1 = *(s8 *)(r2 + 0)'), 0, { mcpu: 'v4' })).toBe('r1 = *(s8 *)(r2 + 0x0)');
  });

  test('r1 = w2 is the 32-bit move, as clang writes it', () => {
    expect(parseInsns('r1 = w2')).toEqual([insn(0xbc, 1, 2)]);
  });

  test('ld_pseudo', () => {
    expect(parseInsns('ld_pseudo r1, 0x5, 0xfffffffb')).toEqual([insn(0x18, 1, 5, 0, -5), insn(0)]);
    expect(() => parseInsns('ld_pseudo r1, 7, 0')).toThrow('expected 0 to 6');
  });
});

describe('what LLVM 19 has no text for, or one text for several', () => {
  test.each<[string, Insn[]]>([
    ['call local +0x5', [insn(0x85, 0, 1, 0, 5)]],
    ['call kfunc 0x4d2', [insn(0x85, 0, 2, 0, 1234)]],
    ['call kfunc 0x4d2, 0x2', [insn(0x85, 0, 2, 2, 1234)]],
    ['r1 = map_fd[0x3] ll', [insn(0x18, 1, 1, 0, 3), insn(0)]],
    ['r1 = map_value[0x3][0x8] ll', [insn(0x18, 1, 2, 0, 3), insn(0, 0, 0, 0, 8)]],
    ['r1 = map_value[0x3][0x0] ll', [insn(0x18, 1, 2, 0, 3), insn(0)]],
    ['r1 = btf_id[0x4d] ll', [insn(0x18, 1, 3, 0, 77), insn(0)]],
    ['r1 = btf_id[0x4d][0x4] ll', [insn(0x18, 1, 3, 0, 77), insn(0, 0, 0, 0, 4)]],
    ['r1 = func +0x5 ll', [insn(0x18, 1, 4, 0, 5), insn(0)]],
    ['r1 = map_idx[0x0] ll', [insn(0x18, 1, 5, 0, 0), insn(0)]],
    ['r1 = map_idx_value[0x0][-0x8] ll', [insn(0x18, 1, 6, 0, 0), insn(0, 0, 0, 0, -8)]],
    ['r0 = *(u8 *)skb[r1 + 0x4]', [insn(0x50, 0, 1, 0, 4)]],
    ['r0 = *(u32 *)skb[r1 - 0x80000000]', [insn(0x40, 0, 1, 0, -2147483648)]],
    ['w0 = load_acquire((u32 *)(r1 + 0x0))', [insn(0xc3, 0, 1, 0, 0x100)]],
    ['r0 = load_acquire((u64 *)(r1 - 0x8))', [insn(0xdb, 0, 1, -8, 0x100)]],
    ['store_release((u8 *)(r1 + 0x1), w2)', [insn(0xd3, 1, 2, 1, 0x110)]],
    ['store_release((u64 *)(r1 + 0x0), r2)', [insn(0xdb, 1, 2, 0, 0x110)]],
    ['.insn 0x0f, 1, 2, 8, 0', [insn(0x0f, 1, 2, 8)]],
    ['.insn 0xff, 15, 15, -1, -2147483648', [insn(0xff, 15, 15, -1, -2147483648)]],
  ])('%s', (text, slots) => {
    expect(parseInsns(text)).toEqual(slots);
    expect(formatInsn(slots, 0)).toBe(text);
  });

  test('slots that no text describes are raw, one at a time', () => {
    expect(disassemble([insn(0x18, 1, 0, 4), insn(0, 0, 0, 0, 7), insn(0x18, 1)])).toBe(
      '.insn 0x18, 1, 0, 4, 0\n.insn 0x00, 0, 0, 0, 7\n.insn 0x18, 1, 0, 0, 0\n',
    );
    expect(formatInsn([insn(0xb7, 11)], 0)).toBe('.insn 0xb7, 11, 0, 0, 0');
    expect(formatInsn([insn(0xb7, 10)], 0)).toBe('r10 = 0x0');
    expect(formatInsn([], 0)).toBe('');
  });
});

describe('what the verifier log and bpftool write', () => {
  test.each<[string, string]>([
    ['0: (b7) r0 = 0', 'r0 = 0'],
    ['12: (bf) r6 = r1                      ; R1=ctx() R6_w=ctx()', 'r6 = r1'],
    ['3: (61) r0 = *(u32 *)(r1 +8)', 'r0 = *(u32 *)(r1 + 8)'],
    ['(7b) *(u64 *)(r10 -8) = r1', '*(u64 *)(r10 - 8) = r1'],
    ['(7a) *(u64 *)(r10 -16) = 0', '*(u64 *)(r10 - 16) = 0'],
    ['5: (15) if r0 == 0x0 goto pc+2', 'if r0 == 0 goto +2'],
    ['5: (66) if w0 s> 0xffffffff goto pc-2', 'if w0 s> -1 goto -2'],
    ['(05) goto pc+1', 'goto +1'],
    ['(06) gotol pc-70000', 'gotol -70000'],
    ['(e5) may_goto pc+3', 'may_goto +3'],
    ['(85) call bpf_map_lookup_elem#1', 'call 1'],
    ['(85) call unknown#195896080', 'call 195896080'],
    ['(85) call pc+2', 'call local +2'],
    ['(85) call pc+2#bpf_prog_6deef7357e7b4530_F', 'call local +2'],
    ['(18) r1 = 0xffff888103a95400', 'r1 = 0xffff888103a95400 ll'],
    ['(18) r1 = map[id:123]', 'r1 = map_fd[123] ll'],
    ['(18) r1 = map[id:12][0]+8', 'r1 = map_value[12][8] ll'],
    ['(18) r1 = map[idx:1]+8', 'r1 = map_idx_value[1][8] ll'],
    ['(18) r1 = subprog[+5]', 'r1 = func +5 ll'],
    ['(db) lock *(u64 *)(r1 +0) += r2', 'lock *(u64 *)(r1 + 0) += r2'],
    ['(c3) lock *(u32 *)(r1 +0) |= r2', 'lock *(u32 *)(r1 + 0) |= w2'],
    ['(db) r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)', 'r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)'],
    ['(c3) r2 = atomic_fetch_xor((u32 *)(r1 +0), r2)', 'w2 = atomic_fetch_xor((u32 *)(r1 + 0), w2)'],
    ['(db) r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r2)', 'r0 = cmpxchg_64(r1 + 0, r0, r2)'],
    ['(c3) r0 = atomic_cmpxchg((u32 *)(r1 +0), r0, r2)', 'w0 = cmpxchg32_32(r1 + 0, w0, w2)'],
    ['(db) r2 = atomic64_xchg((u64 *)(r1 +0), r2)', 'r2 = xchg_64(r1 + 0, r2)'],
    ['(c3) r2 = atomic_xchg((u32 *)(r1 +0), r2)', 'w2 = xchg32_32(r1 + 0, w2)'],
    ['(d3) r0 = load_acquire((u8 *)(r1 +4))', 'w0 = load_acquire((u8 *)(r1 + 4))'],
    ['(c3) store_release((u32 *)(r1 +4), r2)', 'store_release((u32 *)(r1 + 4), w2)'],
    ['(30) r0 = *(u8 *)skb[12]', 'r0 = *(u8 *)skb[12]'],
    ['(50) r0 = *(u8 *)skb[r1 + 4]', 'r0 = *(u8 *)skb[r1 + 4]'],
    ['(dc) r1 = be16 r1', 'r1 = be16 r1'],
    ['(bf) r1 = addr_space_cast(r2, 0, 1)', 'r1 = addr_space_cast(r2, 0, 1)'],
    ['(84) w1 = -w1', 'w1 = -w1'],
    ['(95) exit', 'exit'],
  ])('%s', (log, plain) => {
    expect(parseInsns(log)).toEqual(parseInsns(plain));
  });

  test('an opcode that does not fit the text is an error', () => {
    expect(() => parseInsns('0: (b7) w0 = 0')).toThrow('expected 0xb7, got 0xb4');
  });

  test('a dump of bpftool with prototypes, source lines and verifier state', () => {
    const program = assemble(`
int count(struct xdp_md * ctx):
; int key = 0; @ prog.c:12
   0: (b7) r1 = 0
0: R1=ctx() R10=fp0
   1: (63) *(u32 *)(r10 -4) = r1
   2: (85) call pc+2#bpf_prog_F
   3: (05) goto pc+0
   4: (95) exit
long helper(long a):
   5: (b7) r0 = 7
   6: (95) exit
`);
    expect(program.subprograms).toEqual([
      { name: 'count', start: 0, end: 5 },
      { name: 'helper', start: 5, end: 7 },
    ]);
    expect(program.name).toBe('count');
  });
});

describe('liberties', () => {
  test.each<[string, string]>([
    ['r1=*(u32*)(r2+8)', 'r1 = *(u32 *)(r2 + 8)'],
    ['r1 = * ( u32 * ) ( r2 - 8 )', 'r1 = *(u32 *)(r2 - 8)'],
    ['r1 = *(u32 *)(r2)', 'r1 = *(u32 *)(r2 + 0)'],
    ['r1 = *(u32 *)(r2 + -8)', 'r1 = *(u32 *)(r2 - 8)'],
    ['*(u8*)(r1+1)=-1', '*(u8 *)(r1 + 1) = -1'],
    ['R1 = R2', 'r1 = r2'],
    ['\tr1\t=\t5\t\r', 'r1 = 5'],
    ['r1 = - 5', 'r1 = -5'],
    ['r1 = +5', 'r1 = 5'],
    ['r1 = --5', 'r1 = 5'],
    ['r1 = 0b101', 'r1 = 5'],
    ['r1 = 017', 'r1 = 15'],
    ['r1 = 0o17', 'r1 = 15'],
    ['r1 = 0XfF', 'r1 = 255'],
    ["r1 = 'a'", 'r1 = 97'],
    ["r1 = '\\n'", 'r1 = 10'],
    ['r1 = 0xffffffff', 'r1 = -1'],
    ['if r1 &-5 goto 3', 'if r1 & -5 goto +3'],
    ['if r1==r2 goto+3', 'if r1 == r2 goto +3'],
    ['r1+=-8', 'r1 += -8'],
    ['w1<<=w2', 'w1 <<= w2'],
    ['r1 = - r1', 'r1 = -r1'],
    ['r1 = ( s32 ) r2', 'r1 = (s32)r2'],
    ['r1 = %r2', 'r1 = r2'],
    ['call %r3', 'callx r3'],
    ['call r3', 'callx r3'],
    ['goto +3 <main+0x20>', 'goto +3'],
    ['call helper 5', 'call 5'],
    ['r1 = 18446744073709551615 ll', 'r1 = -1 ll'],
    ['r2 = atomic_fetch_add_64((u64 *)(r1 + 0), r2)', 'r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)'],
    ['r1 /* a */ = /* b\n c */ 5 // d', 'r1 = 5'],
    ['r1 = 5 # comment', 'r1 = 5'],
    ['r1 = 5; r2 = 6 ;', 'r1 = 5\nr2 = 6'],
    ['; a line of source\nexit', 'exit'],
    ['exit', 'exit\n\n'],
  ])('%j', (liberal, plain) => {
    expect(parseInsns(liberal)).toEqual(parseInsns(plain));
  });

  test('numeric local labels, as in inline assembly', () => {
    const program = assemble('1: r1 += 1\n if r1 > 5 goto 1f\n goto 1b\n1: exit\n goto 1b\n');
    expect(program.insns.map(({ offset }) => offset)).toEqual([0, 1, -3, 0, -2]);
  });

  test('labels before, beside and behind instructions', () => {
    const program = assemble('start: r1 = 0\nloop: again: r1 += 1\nif r1 < 10 goto loop\ngoto again\ngotol end\nend:');
    // prettier-ignore
    expect(program.insns.map(({ offset, imm }) => [offset, imm])).toEqual([
      [0, 0], [0, 1], [-2, 10], [-3, 0], [0, 0],
    ]);
    expect(assemble('"a b": goto "a b"').insns[0]!.offset).toBe(-1);
  });

  test('helpers by name, when the caller knows them', () => {
    const helperId = (name: string): number | undefined => ({ bpf_ktime_get_ns: 5 })[name];
    expect(assemble('call bpf_ktime_get_ns', { helperId }).insns).toEqual(parseInsns('call 5'));
    expect(() => assemble('call bpf_ktime_get_nss', { helperId })).toThrow('undefined name bpf_ktime_get_nss');
    const helperName = (id: number): string | undefined => (id === 5 ? 'bpf_ktime_get_ns' : undefined);
    expect(disassemble(parseInsns('call 5\ncall 6'), { helperName })).toBe('call bpf_ktime_get_ns#5\ncall 0x6\n');
  });
});

describe('listings', () => {
  const program = assemble(`
prog:
  r1 = 0x1122334455667788 ll
  if r1 == 0 goto out
  call twice
out:
  exit
twice:
  r0 += r0
  exit`);

  test('as llvm-objdump -d prints', () => {
    expect(disassemble(program, { addresses: true, bytes: true, targets: 'annotated', directives: false })).toBe(
      [
        '0000000000000000 <prog>:',
        '       0:\t18 01 00 00 88 77 66 55 00 00 00 00 44 33 22 11\tr1 = 0x1122334455667788 ll',
        '       2:\t15 01 01 00 00 00 00 00\tif r1 == 0x0 goto +0x1 <prog+0x20>',
        '       3:\t85 10 00 00 01 00 00 00\tcall twice',
        '       4:\t95 00 00 00 00 00 00 00\texit',
        '',
        '0000000000000028 <twice>:',
        '       5:\t0f 00 00 00 00 00 00 00\tr0 += r0',
        '       6:\t95 00 00 00 00 00 00 00\texit',
        '',
      ].join('\n'),
    );
  });

  test('with source lines', () => {
    expect(disassemble(assemble('r0 = 1 # one\nexit'), { source: true })).toBe(
      '; r0 = 1 # one\nr0 = 0x1\n; exit\nexit\n',
    );
  });

  test('with labels', () => {
    expect(disassemble(program, { targets: 'labels', numbers: 'decimal' })).toBe(
      [
        '.type prog,@function',
        '.type twice,@function',
        'prog:',
        '\tr1 = 1234605616436508552 ll',
        '\tif r1 == 0 goto L4',
        '\tcall twice',
        'L4:',
        '\texit',
        'twice:',
        '\tr0 += r0',
        '\texit',
        '',
      ].join('\n'),
    );
  });

  test('the empty program', () => {
    expect(disassemble([])).toBe('');
    expect(assemble('').insns).toEqual([]);
  });
});
