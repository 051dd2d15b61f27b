import { makeInsn, makeProgram, rowByName, type Insn } from '@polybpf/isa';
import { describe, expect, it } from 'vitest';
import { analyse, UPPER } from './analyse.ts';
import { NO_REG, type Op } from './op.ts';
import { select } from './select.ts';

/** An instruction by row name; fixed fields come from the row. */
function insn(name: string, fields: Partial<Insn> = {}): Insn {
  const row = rowByName(name)!;
  const f = { ...fields, ...row.fixed };
  return makeInsn(row.opcode, f.dst_reg ?? 0, f.src_reg ?? 0, f.offset ?? 0, f.imm ?? 0);
}

const exit = insn('exit');
const second = (imm: number): Insn => makeInsn(0, 0, 0, 0, imm);

function selectAll(insns: Insn[], bigEndian = false): Op[] {
  const analysis = analyse(makeProgram(insns));
  return analysis.functions.flatMap((fn) => select(analysis, fn, new Map(), { bigEndian }));
}

/** Ops as short text: `add64 r1, r2, 5`. */
function text(insns: Insn[], bigEndian = false): string[] {
  return selectAll(insns, bigEndian).map((op) => {
    const reg = (register: number): string => (register === NO_REG ? '' : `r${register}`);
    const last = op.b === NO_REG ? (op.kind === 'const' ? `${op.immHi}:${op.imm}` : String(op.imm)) : reg(op.b);
    const memory = op.offset === 0 ? '' : `@${op.offset}`;
    const label = op.label === -1 ? '' : `->${op.label}`;
    return [`${op.kind}${op.width}${op.zext ? '' : '~'}`, reg(op.d), reg(op.a), last, memory, label].filter((part) => part !== '').join(' '); // prettier-ignore
  });
}

describe('select', () => {
  it('fuses mov and alu into a three-operand op', () => {
    expect(
      text([insn('mov64_reg', { dst_reg: 0, src_reg: 1 }), insn('add64_reg', { dst_reg: 0, src_reg: 2 }), exit]),
    ).toEqual(['add64 r0 r1 r2', 'jump64 0']);
  });

  it('reads the old value when the second operand is the moved register', () => {
    const [op] = selectAll([
      insn('mov64_reg', { dst_reg: 0, src_reg: 1 }),
      insn('sub64_reg', { dst_reg: 0, src_reg: 0 }),
      exit,
    ]);
    expect(op).toMatchObject({ kind: 'sub', d: 0, a: 1, b: 1 });
  });

  it('does not fuse across a jump target', () => {
    const ops = text([
      insn('jeq64_imm', { dst_reg: 1, offset: 1 }),
      insn('mov64_reg', { dst_reg: 0, src_reg: 1 }),
      insn('add64_reg', { dst_reg: 0, src_reg: 2 }),
      exit,
    ]);
    expect(ops).toContain('mov64 r0 r1 0');
    expect(ops).toContain('add64 r0 r0 r2');
  });

  it('does not fuse a 32-bit move into a 64-bit operation', () => {
    const ops = text([
      insn('mov32_reg', { dst_reg: 0, src_reg: 1 }),
      insn('add64_reg', { dst_reg: 0, src_reg: 2 }),
      exit,
    ]);
    expect(ops[0]).toBe('mov32 r0 r1 0');
  });

  it('folds address arithmetic into a displacement when the address dies', () => {
    const insns = [
      insn('mov64_reg', { dst_reg: 2, src_reg: 1 }),
      insn('add64_imm', { dst_reg: 2, imm: 8 }),
      insn('ldxw', { dst_reg: 0, src_reg: 2, offset: 4 }),
      exit,
    ];
    expect(text(insns)[0]).toBe('load32 r0 r1 0 @12');
    const kept = [...insns.slice(0, 3), insn('add64_reg', { dst_reg: 0, src_reg: 2 }), exit];
    expect(text(kept)[0]).toBe('add64 r2 r1 8');
  });

  it('makes zero- and sign-extensions of shift pairs', () => {
    const pair = (right: string, by: number): string[] =>
      text([insn('mov64_reg', { dst_reg: 0, src_reg: 1 }), insn('lsh64_imm', { dst_reg: 0, imm: by }), insn(right, { dst_reg: 0, imm: by }), exit]); // prettier-ignore
    expect(pair('rsh64_imm', 32)[0]).toBe('mov32 r0 r1 0');
    expect(pair('rsh64_imm', 48)[0]).toBe('mov16 r0 r1 0');
    expect(pair('arsh64_imm', 56)[0]).toBe('sext64 r0 r1 0');
    expect(pair('rsh64_imm', 31)).toHaveLength(3);
  });

  it('makes one op of a load and the byte swap of its value, by the byte order of the machine', () => {
    const insns = [insn('ldxh', { dst_reg: 0, src_reg: 1 }), insn('be16', { dst_reg: 0 }), exit];
    expect(text(insns)[0]).toBe('load_bswap16 r0 r1 0');
    expect(text(insns, true)).toEqual(['load16 r0 r1 0', 'jump64 0']);
    expect(text([insn('ldxw', { dst_reg: 0, src_reg: 1 }), insn('be16', { dst_reg: 0 }), exit])[1]).toBe(
      'bswap16 r0 r0 0',
    );
  });

  it('truncates when a conversion does not swap', () => {
    expect(text([insn('mov64_reg', { dst_reg: 0, src_reg: 1 }), insn('le16', { dst_reg: 0 }), exit])[1]).toBe(
      'mov16 r0 r0 0',
    );
  });

  it('turns unsigned division and modulo by powers of two into shifts and masks, signed ones not', () => {
    expect(text([insn('div64_imm', { dst_reg: 0, imm: 8 }), exit])[0]).toBe('rsh64 r0 r0 3');
    expect(text([insn('mod32_imm', { dst_reg: 0, imm: 8 }), exit])[0]).toBe('and32 r0 r0 7');
    expect(text([insn('sdiv64_imm', { dst_reg: 0, imm: 8 }), exit])[0]).toBe('sdiv64 r0 r0 8');
    expect(text([insn('div32_imm', { dst_reg: 0, imm: -2147483648 }), exit])[0]).toBe('udiv32 r0 r0 -2147483648');
    expect(text([insn('mod64_imm', { dst_reg: 0, imm: 1 }), exit])[0]).toBe('const64 r0 0:0');
  });

  it('keeps a 32-bit identity when it zero-extends', () => {
    expect(text([insn('add32_imm', { dst_reg: 0, imm: 0 }), exit])[0]).toBe('mov32 r0 r0 0');
    expect(text([insn('add64_imm', { dst_reg: 0, imm: 0 }), exit])).toEqual(['jump64 0']);
  });

  it('drops a zero-extension of what is zero-extended already', () => {
    const load = insn('ldxw', { dst_reg: 0, src_reg: 1 });
    expect(text([load, insn('mov32_reg', { dst_reg: 0, src_reg: 0 }), exit])).toEqual(['load32 r0 r1 0', 'jump64 0']);
    const fetched = insn('atomic_fetch_add32', { dst_reg: 1, src_reg: 0 });
    expect(text([load, fetched, insn('mov32_reg', { dst_reg: 0, src_reg: 0 }), exit])).toContain('mov32 r0 r0 0');
  });

  it('lets the op that defines a register zero-extend it', () => {
    const insns = [insn('add32_imm', { dst_reg: 0, imm: 5 }), insn('mov32_reg', { dst_reg: 0, src_reg: 0 }), exit];
    expect(text(insns)).toEqual(['add32 r0 r0 5', 'jump64 0']);
  });

  it('does not take the operand of an atomic for the definition of its result', () => {
    const insns = [
      insn('add32_imm', { dst_reg: 0, imm: 5 }),
      insn('atomic_fetch_add32', { dst_reg: 1, src_reg: 0 }),
      insn('mov32_reg', { dst_reg: 0, src_reg: 0 }),
      exit,
    ];
    expect(text(insns)).toContain('mov32 r0 r0 0');
  });

  it('uses the plain atomic when the old value is dead, but never for xchg', () => {
    const tail = [insn('mov64_imm', { dst_reg: 0 }), exit];
    expect(text([insn('atomic_fetch_add64', { dst_reg: 1, src_reg: 2 }), ...tail])[0]).toContain('atomic_add64');
    expect(text([insn('atomic_xchg64', { dst_reg: 1, src_reg: 2 }), ...tail])[0]).toContain('xchg64');
    expect(text([insn('atomic_fetch_or32', { dst_reg: 1, src_reg: 0 }), exit])[0]).toContain('fetch_or32');
  });

  it('leaves out what nothing reads, but not loads', () => {
    const tail = [insn('mov64_imm', { dst_reg: 0, imm: 7 }), exit];
    expect(text([insn('add64_imm', { dst_reg: 2, imm: 1 }), ...tail])).toEqual(['const64 r0 0:7', 'jump64 0']);
    expect(text([insn('ldxdw', { dst_reg: 2, src_reg: 1 }), ...tail])[0]).toBe('load64 r2 r1 0');
  });

  it('marks results whose upper half nothing reads', () => {
    const ops = text([insn('add32_imm', { dst_reg: 1, imm: 5 }), insn('mov32_reg', { dst_reg: 0, src_reg: 1 }), exit]);
    expect(ops[0]).toBe('add32~ r1 r1 5');
  });

  it('drops jumps to the next instruction', () => {
    expect(text([insn('ja', { offset: 0 }), insn('jeq64_imm', { dst_reg: 0, offset: 0 }), exit])).toEqual(['jump64 0']);
  });

  it('selects both halves of a 64-bit constant', () => {
    expect(text([insn('ld_imm64', { dst_reg: 0, imm: -1 }), second(5), exit])[0]).toBe('const64 r0 5:-1');
  });

  it('leaves the upper half of a 32-bit load alone only where that is wanted and nothing reads it', () => {
    const loads = (partialLoads: boolean, ...body: Insn[]): boolean[] => {
      const analysis = analyse(makeProgram([insn('ldxw', { dst_reg: 2, src_reg: 1 }), ...body, exit]));
      const ops = analysis.functions.flatMap((fn) =>
        select(analysis, fn, new Map(), { bigEndian: true, partialLoads }),
      );
      return ops.filter(({ kind }) => kind.startsWith('load')).map(({ zext }) => zext);
    };
    const low = [insn('add32_imm', { dst_reg: 2, imm: 1 }), insn('mov32_reg', { dst_reg: 0, src_reg: 2 })];
    expect(loads(false, ...low)).toEqual([true]);
    expect(loads(true, ...low)).toEqual([false]);
    expect(loads(true, insn('mov64_reg', { dst_reg: 0, src_reg: 2 }))).toEqual([true]);
    // A zero-extension, or a conversion to the order that memory has, is done by the load.
    const whole = insn('mov64_reg', { dst_reg: 0, src_reg: 2 });
    expect(loads(true, insn('mov32_reg', { dst_reg: 2, src_reg: 2 }), whole)).toEqual([true]);
    expect(loads(true, insn('be32', { dst_reg: 2 }), whole)).toEqual([true]);
    expect(loads(true, insn('le32', { dst_reg: 2 }), whole)).toEqual([true]);
    expect(loads(true, insn('le32', { dst_reg: 2 }), ...low)).toEqual([false]);
  });

  it('refuses packet access and map file descriptors by name', () => {
    expect(() => selectAll([insn('ldabsw'), exit])).toThrow(expect.objectContaining({ code: 'E_UNSUPPORTED' }));
    expect(() => selectAll([insn('ld_imm64_map_fd', { dst_reg: 0, imm: 3 }), second(0), exit])).toThrow(expect.objectContaining({ code: 'E_RUN_SYMBOL' })); // prettier-ignore
  });
});

describe('analyse', () => {
  it('refuses programs that run off a function', () => {
    expect(() => analyse(makeProgram([insn('mov64_imm')]))).toThrow(expect.objectContaining({ code: 'E_JIT_PROGRAM' }));
    expect(() => analyse(makeProgram([insn('ja', { offset: 5 }), exit]))).toThrow(
      expect.objectContaining({ code: 'E_JIT_PROGRAM' }),
    );
    for (const imm of [1, -3, 0x7fffffff]) {
      expect(() => analyse(makeProgram([insn('call_local', { imm }), insn('exit')]))).toThrow(
        expect.objectContaining({ code: 'E_JIT_PROGRAM', at: { insn: 0 } }),
      );
    }
    for (const fields of [{ dst_reg: 11 }, { src_reg: 12 }, { dst_reg: 10 }]) {
      expect(() => analyse(makeProgram([insn('add64_reg', fields), exit]))).toThrow(
        expect.objectContaining({ code: 'E_DECODE_REGISTER', at: { insn: 0 } }),
      );
    }
    expect(() => analyse(makeProgram([]))).toThrow(expect.objectContaining({ code: 'E_JIT_PROGRAM' }));
  });

  it('takes a call at the end of a function for one that does not return', () => {
    expect(analyse(makeProgram([insn('mov64_imm'), insn('call_helper', { imm: 1 })])).liveOut[1]).toBe(0);
  });

  it('follows liveness around a loop, upper halves apart', () => {
    const insns = [
      insn('add64_imm', { dst_reg: 3, imm: 1 }),
      insn('jlt32_reg', { dst_reg: 3, src_reg: 2, offset: -2 }),
      insn('mov64_imm', { dst_reg: 0 }),
      exit,
    ];
    const { liveIn } = analyse(makeProgram(insns));
    expect(liveIn[0]).toBe((1 << 2) | (1 << 3));
    expect(liveIn[3]).toBe(1 | (1 << UPPER));
  });

  it('bounds the stack by what is accessed and takes all of it when the address escapes', () => {
    const depth = (...body: Insn[]): number =>
      analyse(makeProgram([...body, insn('mov64_imm'), exit])).functions[0]!.stackDepth;
    expect(depth()).toBe(0);
    expect(depth(insn('stxw', { dst_reg: 10, src_reg: 1, offset: -4 }))).toBe(8);
    const pointer = [insn('mov64_reg', { dst_reg: 2, src_reg: 10 }), insn('add64_imm', { dst_reg: 2, imm: -24 })];
    expect(depth(...pointer, insn('call_helper', { imm: 1 }))).toBe(24);
    expect(depth(...pointer, insn('add64_reg', { dst_reg: 2, src_reg: 1 }), insn('call_helper', { imm: 1 }))).toBe(512);
    expect(depth(insn('stxdw', { dst_reg: 10, src_reg: 10, offset: -8 }))).toBe(512);
  });

  it('finds where r0 and r1 hold values together', () => {
    const meets = (...body: Insn[]): boolean => analyse(makeProgram([...body, exit])).functions[0]!.r0MeetsR1;
    expect(meets(insn('mov64_reg', { dst_reg: 0, src_reg: 1 }))).toBe(false);
    expect(meets(insn('mov64_imm', { dst_reg: 0 }), insn('add64_reg', { dst_reg: 0, src_reg: 1 }))).toBe(true);
  });
});
