import { describe, expect, it } from 'vitest';
import { annotate, firstDivergence, formatAnnotation, readLog, verify } from '../src/index.ts';
import { insnText } from '../src/insn-text.ts';
import { insnInWords } from '../src/insn-words.ts';
import { EXIT, program, type Row, SHORT_PACKET } from './program.ts';

const names = { helper: (id: number) => (id === 1 ? 'bpf_map_lookup_elem' : undefined), kfunc: () => undefined };

function text(...row: Row): string {
  const [insn] = program(row);
  return insnText(
    {
      opcode: Uint8Array.of(insn!.opcode),
      dst: Uint8Array.of(insn!.dst_reg),
      src: Uint8Array.of(insn!.src_reg),
      off: Int16Array.of(insn!.offset),
      imm: Int32Array.of(insn!.imm),
    },
    0,
    names,
  );
}

describe('instructions as the kernel writes them', () => {
  it.each<[string, string, Row]>([
    ['(07) r1 += -8', 'adds -8 to R1', [0x07, 1, 0, 0, -8]],
    ['(bc) w2 = w3', 'sets the low half of R2 to the low half of R3', [0xbc, 2, 3]],
    ['(bf) r2 = (s8)r3', 'sets R2 to (s8)r3', [0xbf, 2, 3, 8]],
    ['(3f) r1 s/= r2', 'divides R1 by R2, signed', [0x3f, 1, 2, 1]],
    ['(87) r1 = -r1', 'sets R1 to -r1', [0x87, 1]],
    ['(dc) r1 = be16 r1', 'sets R1 to be16 r1', [0xdc, 1, 0, 0, 16]],
    ['(d7) r1 = bswap32 r1', 'sets R1 to bswap32 r1', [0xd7, 1, 0, 0, 32]],
    ['(61) r1 = *(u32 *)(r10 -4)', 'loads 4 bytes from R10-4 into R1', [0x61, 1, 10, -4]],
    ['(91) r1 = *(s8 *)(r10 -4)', 'loads 1 byte from R10-4 into R1, with the sign', [0x91, 1, 10, -4]],
    ['(7a) *(u64 *)(r10 -8) = 0', 'stores 0 at R10-8, 8 bytes', [0x7a, 10, 0, -8]],
    ['(db) lock *(u64 *)(r1 +0) += r2', 'changes memory atomically', [0xdb, 1, 2]],
    ['(c3) r2 = atomic_fetch_or((u32 *)(r1 +4), r2)', 'changes memory atomically', [0xc3, 1, 2, 4, 0x41]],
    ['(db) r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r2)', 'changes memory atomically', [0xdb, 1, 2, 0, 0xf1]],
    ['(55) if r1 != 0xffffffff goto pc+3', 'goes to 4 when R1 is not equal to 0xffffffff', [0x55, 1, 0, 3, -1]],
    ['(e5) may_goto pc+2', 'goes to 3', [0xe5, 0, 0, 2]],
    ['(06) gotol pc-1', 'goes to 0', [0x06, 0, 0, 0, -1]],
    ['(85) call pc+5', 'calls the function at 6', [0x85, 0, 1, 0, 5]],
    ['(85) call bpf_map_lookup_elem#1', 'calls bpf_map_lookup_elem; R1 to R5 have no value afterwards', [0x85, 0, 0, 0, 1]], // prettier-ignore
    ['(95) exit', 'returns', [0x95]],
  ])('%s', (kernel, words, row) => {
    expect(text(...row)).toBe(kernel);
    expect(insnInWords(kernel.slice(5), 0)).toBe(words);
  });
});

describe('the classic log', () => {
  it('has the states behind the instructions, and sources before them', () => {
    const lines = [{ insn: 0, file: 'd/a.c', line: 3, text: '  x' }];
    const { log } = verify({ insns: SHORT_PACKET, type: 'sched_cls', lines }, { logLevel: 1 });
    expect(log).toBe(`0: R1=ctx() R10=fp0
; x @ a.c:3
0: (61) r6 = *(u32 *)(r1 +76)         ; R1=ctx() R6=pkt(r=0)
1: (61) r7 = *(u32 *)(r1 +80)         ; R1=ctx() R7=pkt_end()
2: (bf) r2 = r6                       ; R2=pkt(r=0) R6=pkt(r=0)
3: (07) r2 += 14                      ; R2=pkt(off=14,r=0)
4: (2d) if r2 > r7 goto pc+1          ; R2=pkt(off=14,r=14) R7=pkt_end()
5: (69) r0 = *(u16 *)(r6 +20)
invalid access to packet, off=20 size=2, R6(id=0,off=20,r=14)
R6 offset is outside of the packet
processed 6 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`);
  });

  it('keeps nothing but the figures of an accepted program at level 1', () => {
    const input = { insns: program([0xb7, 0], EXIT), type: 'xdp' };
    expect(verify(input, { logLevel: 1 }).log).toMatch(/^processed 2 insns [^\n]*\n$/);
    expect(verify(input, { logLevel: 5 }).log).toMatch(/^verification time \d+ usec\nstack depth 0\nprocessed 2 /);
    expect(verify(input, { logLevel: 2 }).log).toMatch(
      /^func#0 @0\nLive regs before insn:\n {6}0: \.{10} \(b7\) r0 = 0\n/,
    );
  });
});

describe('reading logs', () => {
  it('finds message, instruction and origin of the register', () => {
    const { log } = verify({ insns: SHORT_PACKET, type: 'sched_cls' }, { logLevel: 2 });
    const read = readLog(log);
    expect(read).toMatchObject({ level: 2, accepted: false, insn: 5, message: 'R6 offset is outside of the packet' });
    expect(read.origins).toEqual([{ name: 'R6', insn: 0, text: 'r6 = *(u32 *)(r1 +76)', value: 'pkt(r=0)' }]);
    expect(readLog('processed 2 insns (limit 1000000)\n')).toMatchObject({ accepted: true, message: '' });
    const joined = readLog(
      '1: (85) call bpf_tail_call#12\nexpected prog array map for tail callprocessed 2 insns (limit 9)\n',
    );
    expect(joined).toMatchObject({ message: 'expected prog array map for tail call', insn: 1, accepted: false });
    expect(readLog('')).toMatchObject({ accepted: false, lines: [expect.objectContaining({ kind: 'other' })] });
  });

  it('aligns logs, whatever their addresses', () => {
    const ours = '0: (18) r1 = 0x0                     ; R1=map_ptr(map=m,ks=4,vs=8)\n1: (95) exit\n';
    const theirs = ours.replace('0x0                     ;', '0xffff888112345600       ;').replace('R1=', 'R1_w=');
    expect(firstDivergence(theirs, ours)).toBeUndefined();
    expect(firstDivergence(`${theirs}R0 !read_ok\n`, ours)).toEqual({ equal: 2, line: 3, theirs: 'R0 !read_ok', ours: undefined }); // prettier-ignore
  });
});

describe('annotated programs', () => {
  it('count visits, join states, and say where the work went', () => {
    // r6 = 0 or 1 by chance; then a loop of three rounds
    const insns = program(
      [0x85, 0, 0, 0, 7],
      [0x57, 0, 0, 0, 1],
      [0xb7, 6],
      [0x07, 6, 0, 0, 1],
      [0xa5, 6, 0, -2, 3],
      [0xbf, 0, 6],
      EXIT,
    );
    const found = annotate({ insns, type: 'socket_filter', lines: [{ insn: 3, file: 'a.c', line: 7, text: 'loop' }] });
    expect(found.insns.map(({ visits }) => visits)).toEqual([1, 1, 1, 3, 3, 1, 1]);
    expect(found.insns[3]!.registers).toContainEqual({ name: 'R6', value: expect.stringMatching(/^scalar\(smin=smin32=0,smax=umax=smax32=umax32=2/) }); // prettier-ignore
    expect(found.profile[0]).toMatchObject({ line: 7, processed: 8 });
    expect(formatAnnotation(found)).toMatch(/\n; loop @ a\.c:7\n {5}3 +\d* +3: \(07\) r6 \+= 1/);
  });
});
