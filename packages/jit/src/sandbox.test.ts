import { makeInsn, makeProgram, type MapDef, rowByName, type Insn } from '@polybpf/isa';
import { describe, expect, it } from 'vitest';
import { analyse } from './analyse.ts';
import { confine } from './sandbox.ts';
import { REACH_BYTES, WIDE_REACH_BYTES } from './sandbox-layout.ts';
import { select } from './select.ts';

/** An instruction by row name; fixed fields come from the row. */
function insn(name: string, fields: Partial<Insn> = {}): Insn {
  const row = rowByName(name)!;
  const f = { ...fields, ...row.fixed };
  return makeInsn(row.opcode, f.dst_reg ?? 0, f.src_reg ?? 0, f.offset ?? 0, f.imm ?? 0);
}

const exit = insn('exit');
const load = (dst_reg: number, src_reg: number, offset = 0, name = 'ldxdw'): Insn => insn(name, { dst_reg, src_reg, offset }); // prettier-ignore
const store = (dst_reg: number, src_reg: number, offset = 0): Insn => insn('stxdw', { dst_reg, src_reg, offset });
const add = (dst_reg: number, imm: number): Insn => insn('add64_imm', { dst_reg, imm });
const addReg = (dst_reg: number, src_reg: number): Insn => insn('add64_reg', { dst_reg, src_reg });
const mov = (dst_reg: number, src_reg: number): Insn => insn('mov64_reg', { dst_reg, src_reg });
const set = (dst_reg: number, imm: number): Insn => insn('mov64_imm', { dst_reg, imm });

const DATA: MapDef = { name: '.data', kind: 'data', type: 2, keySize: 4, valueSize: 64, maxEntries: 1, flags: 0 } as MapDef; // prettier-ignore

function confined(insns: Insn[], reach: number = REACH_BYTES): ReturnType<typeof confine> {
  const analysis = analyse(makeProgram(insns, { maps: [DATA] }));
  const fn = analysis.functions[0]!;
  return confine(fn, select(analysis, fn, new Map(), { bigEndian: false }), [DATA], 28, 64, undefined, reach);
}

/** Insns whose access is checked, with the register. */
function checks(...insns: Insn[]): string[] {
  return checksWithin(REACH_BYTES, insns);
}

/** The same with a wide guard zone. */
function wideChecks(...insns: Insn[]): string[] {
  return checksWithin(WIDE_REACH_BYTES, insns);
}

function checksWithin(reach: number, insns: readonly Insn[]): string[] {
  return confined([...insns, exit], reach)
    .ops.filter(({ kind }) => kind === 'check')
    .map(({ insn: at, a }) => `${at}:r${a === 14 ? 'fp' : a}`);
}

describe('checks of the sandbox', () => {
  it('stand in front of loads, stores and atomics of every kind', () => {
    for (const name of [
      'ldxb',
      'ldxsw',
      'ldxdw',
      'load_acquire16',
      'stxh',
      'stw',
      'store_release64',
      'atomic_add32',
      'atomic_fetch_or64',
      'atomic_xchg32',
      'atomic_cmpxchg64',
    ]) {
      const row = rowByName(name)!;
      const isLoad = row.kind === 'load' || row.kind === 'load_acquire';
      const access = isLoad ? insn(name, { dst_reg: 0, src_reg: 1 }) : insn(name, { dst_reg: 1, src_reg: 2, imm: 1 });
      expect(checks(access, ...(isLoad ? [] : [mov(0, 2)])), name).toEqual(['0:r1']);
    }
  });

  it('are made once for a register that nothing writes between', () => {
    expect(checks(load(0, 1), load(2, 1, 32760), store(1, 2, -32768), mov(0, 2))).toEqual(['0:r1']);
    expect(checks(load(0, 1), mov(3, 1), add(3, 64), load(0, 3, 8))).toEqual(['0:r1']);
  });

  it('are made again once the register was written, by whatever', () => {
    expect(checks(load(1, 1), load(0, 1))).toEqual(['0:r1', '1:r1']);
    expect(checks(load(0, 1), addReg(1, 2), load(0, 1))).toEqual(['0:r1', '2:r1']);
    expect(checks(load(0, 2), insn('atomic_fetch_add64', { dst_reg: 1, src_reg: 2 }), load(0, 2))).toEqual(['0:r2', '1:r1', '2:r2']); // prettier-ignore
    expect(checks(load(3, 0), insn('atomic_cmpxchg64', { dst_reg: 1, src_reg: 2 }), load(0, 0))).toEqual(['0:r0', '1:r1', '2:r0']); // prettier-ignore
    expect(checks(load(2, 0), load(6, 6), insn('call_helper', { imm: 1 }), load(0, 0))).toEqual([
      '0:r0',
      '1:r6',
      '3:r0',
    ]);
    expect(checks(load(0, 1), insn('mov32_reg', { dst_reg: 1, src_reg: 1 }), load(0, 1))).toEqual(['0:r1', '2:r1']);
  });

  it('are made again beyond the guard zones', () => {
    expect(checks(load(0, 1), add(1, 0x100000), load(0, 1))).toEqual(['0:r1', '2:r1']);
    expect(checks(load(0, 1), add(1, -0x100000), load(0, 1))).toEqual(['0:r1', '2:r1']);
    // Just beyond what is half of a guard zone, either way.
    expect(checks(load(0, 1), add(1, 0x80000), load(0, 1))).toEqual(['0:r1', '2:r1']);
    expect(checks(load(0, 1), add(1, -0x80000), load(0, 1))).toEqual(['0:r1', '2:r1']);
    expect(checks(load(0, 1), add(1, -0x78000), load(0, 1, -32767))).toEqual(['0:r1', '2:r1']);
    expect(checks(load(0, 1), add(1, 0x70000), store(1, 0))).toEqual(['0:r1']);
    // Many small steps are one large one, unless something was accessed on the way.
    expect(checks(load(0, 1), add(1, 0x70000), insn('jeq64_imm', { dst_reg: 0, offset: 0 }), add(1, 0x70000), store(1, 0))).toEqual(['0:r1', '4:r1']); // prettier-ignore
    expect(checks(load(0, 1), add(1, 0x70000), load(0, 1), add(1, 0x70000), store(1, 0))).toEqual(['0:r1']);
  });

  it('hold on all ways to a place or not at all', () => {
    const skip = insn('jeq64_imm', { dst_reg: 2, offset: 1 });
    expect(checks(set(0, 0), skip, load(0, 1), load(0, 1, 8))).toEqual(['2:r1', '3:r1']);
    expect(checks(load(0, 1), skip, load(0, 1, 16), load(0, 1, 8))).toEqual(['0:r1']);
    expect(checks(load(0, 1), skip, addReg(1, 2), load(0, 1, 8))).toEqual(['0:r1', '3:r1']);
  });

  it('are needed once for a pointer that walks by steps smaller than the guard zone', () => {
    const again = insn('jne64_reg', { dst_reg: 1, src_reg: 2, offset: -3 });
    expect(checks(load(0, 1), load(0, 1), add(1, 8), again)).toEqual(['0:r1']);
    expect(checks(load(0, 1), load(0, 1), add(1, 0x100000), again)).toEqual(['0:r1', '1:r1']);
    // Nothing is accessed in the loop: the pointer gets anywhere.
    expect(checks(load(0, 1), add(1, 8), insn('jne64_reg', { dst_reg: 1, src_reg: 2, offset: -2 }), load(0, 1))).toEqual(['0:r1', '3:r1']); // prettier-ignore
  });

  it('let small indices pass, and no others', () => {
    const base = [load(0, 1)];
    const access = [addReg(2, 1), load(0, 2)];
    expect(checks(...base, insn('ldxb', { dst_reg: 2, src_reg: 1 }), insn('lsh64_imm', { dst_reg: 2, imm: 3 }), ...access)).toEqual(['0:r1']); // prettier-ignore
    expect(checks(...base, insn('and64_imm', { dst_reg: 2, imm: 0xffff }), ...access)).toEqual(['0:r1']);
    expect(checks(...base, insn('and64_imm', { dst_reg: 2, imm: -8 }), ...access)).toEqual(['0:r1', '3:r2']);
    expect(checks(...base, insn('ldxw', { dst_reg: 2, src_reg: 1 }), ...access)).toEqual(['0:r1', '3:r2']);
    expect(checks(...base, insn('ldxsb', { dst_reg: 2, src_reg: 1 }), ...access)).toEqual(['0:r1', '3:r2']);
    expect(checks(...base, insn('ldxh', { dst_reg: 2, src_reg: 1 }), insn('lsh64_imm', { dst_reg: 2, imm: 3 }), ...access)).toEqual(['0:r1', '4:r2']); // prettier-ignore
  });

  it('let indices of 32 bits pass in front of a wide guard zone, and none that are larger', () => {
    const index = (...how: Insn[]): Insn[] => [load(0, 1), insn('ldxdw', { dst_reg: 2, src_reg: 1 }), ...how, addReg(2, 1), load(0, 2)]; // prettier-ignore
    const w2 = insn('mov32_reg', { dst_reg: 2, src_reg: 2 });
    const shift = (imm: number, name = 'lsh64_imm'): Insn => insn(name, { dst_reg: 2, imm });
    expect(checks(...index(w2))).toEqual(['0:r1', '4:r2']);
    expect(wideChecks(...index(w2))).toEqual(['0:r1']);
    expect(wideChecks(...index(w2, shift(3)))).toEqual(['0:r1']);
    expect(wideChecks(...index(w2, shift(5)))).toEqual(['0:r1', '5:r2']);
    expect(wideChecks(...index())).toEqual(['0:r1', '3:r2']);
    expect(wideChecks(...index(insn('add32_imm', { dst_reg: 2, imm: -5 })))).toEqual(['0:r1']);
    expect(wideChecks(...index(w2, insn('add64_imm', { dst_reg: 2, imm: -5 })))).toEqual(['0:r1', '5:r2']);
    expect(wideChecks(...index(insn('ldxsw', { dst_reg: 2, src_reg: 1 })))).toEqual(['0:r1', '4:r2']);
    expect(wideChecks(load(0, 1), add(1, -0x100000), load(0, 1))).toEqual(['0:r1', '2:r1']);
    // 32 bits wrap around: 65536 << 16 is 0, and no large number that a subtraction makes small.
    expect(checks(load(0, 1), set(2, 0x10000), shift(16, 'lsh32_imm'), shift(12, 'rsh32_imm'), addReg(2, 1), load(0, 2))).toEqual(['0:r1', '5:r2']); // prettier-ignore
  });

  it('know counters by the branches that bound them', () => {
    // r3 below r2, which has 32 bits: for (r3 = 0; r3 < r2; r3++) r1[r3]
    const loop = (condition: string): Insn[] => [
      load(0, 1), insn('ldxw', { dst_reg: 2, src_reg: 1, offset: 4 }), set(3, 0),
      mov(4, 1), addReg(4, 3), load(0, 4), add(3, 1), insn(condition, { dst_reg: 3, src_reg: 2, offset: -5 }),
    ]; // prettier-ignore
    expect(wideChecks(...loop('jlt64_reg'))).toEqual(['0:r1']);
    for (const condition of ['jne64_reg', 'jgt64_reg', 'jslt64_reg', 'jge64_reg']) {
      expect(wideChecks(...loop(condition)), condition).toEqual(['0:r1', '5:r4']);
    }
    const bounded = (condition: string, imm: number, offset: number): Insn[] => [
      load(0, 1), load(2, 1), insn(condition, { dst_reg: 2, imm, offset }), addReg(2, 1), load(0, 2),
    ]; // prettier-ignore
    expect(checks(...bounded('jgt64_imm', 1000, 2))).toEqual(['0:r1']);
    expect(checks(...bounded('jgt64_imm', 0x100000, 2))).toEqual(['0:r1', '4:r2']);
    expect(checks(...bounded('jgt64_imm', -1, 2))).toEqual(['0:r1', '4:r2']);
    expect(checks(...bounded('jlt64_imm', 1000, 2))).toEqual(['0:r1', '4:r2']);
    expect(checks(...bounded('jsgt64_imm', 1000, 2))).toEqual(['0:r1', '4:r2']);
    // A comparison of lower halves says nothing of upper ones.
    expect(checks(...bounded('jgt32_imm', 1000, 2))).toEqual(['0:r1', '4:r2']);
  });

  it('follow pointers into slots of the stack and back, until something else is stored there', () => {
    const spill = (...between: Insn[]): string[] => checks(load(0, 1), store(10, 1, -16), ...between, load(3, 10, -16), load(0, 3)); // prettier-ignore
    expect(spill()).toEqual(['0:r1']);
    expect(spill(store(10, 2, -8), store(10, 2, -24))).toEqual(['0:r1']);
    expect(spill(store(10, 2, -16))).toEqual(['0:r1', '4:r3']);
    expect(spill(insn('stb', { dst_reg: 10, offset: -9, imm: 1 }))).toEqual(['0:r1', '4:r3']);
    expect(spill(insn('stw', { dst_reg: 10, offset: -16, imm: 1 }))).toEqual(['0:r1', '4:r3']);
    expect(spill(store(10, 2, -20))).toEqual(['0:r1', '4:r3']);
    expect(spill(store(10, 2, -12))).toEqual(['0:r1', '4:r3']);
    expect(spill(insn('atomic_add32', { dst_reg: 10, src_reg: 2, offset: -12 }))).toEqual(['0:r1', '4:r3']);
    expect(spill(insn('atomic_fetch_add64', { dst_reg: 10, src_reg: 2, offset: -16 }), mov(0, 2))).toEqual([
      '0:r1',
      '5:r3',
    ]);
    const skip = insn('jeq64_imm', { dst_reg: 2, offset: 1 });
    expect(spill(skip, store(10, 2, -16))).toEqual(['0:r1', '5:r3']);
    // Whoever has its address may write to it.
    expect(spill(mov(1, 10), mov(2, 10), insn('call_helper', { imm: 1 }))).toEqual(['0:r1', '6:r3']);
  });

  it('trust the address of global data, not of maps, and not offsets beyond it', () => {
    const second = (imm: number): Insn => makeInsn(0, 0, 0, 0, imm);
    const data = (offset: number): Insn[] => [insn('ld_imm64_map_idx_value', { dst_reg: 1 }), second(offset)];
    expect(checks(...data(8), load(0, 1))).toEqual([]);
    expect(checks(...data(64), load(0, 1))).toEqual(['2:r1']);
    expect(checks(insn('ld_imm64_map_idx', { dst_reg: 1 }), second(0), load(0, 1))).toEqual(['2:r1']);
  });

  it('leave a frame alone whose address stays inside, and move any other into the arena', () => {
    const stays = confined([insn('stdw', { dst_reg: 10, offset: -8, imm: 1 }), load(0, 10, -8), exit]);
    expect(stays.registers).toEqual([]);
    expect(stays.ops.map(({ kind }) => kind)).toEqual(['store_imm', 'load', 'jump']);
    for (const out of [
      [load(0, 10, 0)],
      [load(0, 10, -4)],
      [load(0, 10, -520)],
      [mov(2, 10), insn('call_helper', { imm: 1 })],
      [insn('stxdw', { dst_reg: 10, src_reg: 10, offset: -8 }), set(0, 0)],
    ]) {
      const { ops, registers } = confined([...out, exit]);
      expect(registers).toEqual([13, 14]);
      expect(ops.some(({ a, b, d }) => a === 10 || b === 10 || d === 10)).toBe(false);
      // The entry of the function checks it.
      expect(ops.filter(({ kind }) => kind === 'check')).toEqual([]);
    }
  });
});
