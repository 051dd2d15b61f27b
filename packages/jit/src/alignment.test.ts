import { makeInsn, makeProgram, rowByName, type Insn, type ProgramInit } from '@polybpf/isa';
import { describe, expect, it } from 'vitest';
import { findAlignments } from './alignment.ts';
import { analyse } from './analyse.ts';

/** An instruction by row name; fixed fields come from the row. */
function insn(name: string, dst = 0, src = 0, offset = 0, imm = 0): Insn {
  const { opcode, fixed } = rowByName(name)!;
  return makeInsn(opcode, fixed.dst_reg ?? dst, fixed.src_reg ?? src, fixed.offset ?? offset, fixed.imm ?? imm);
}

const END = [insn('mov64_imm'), insn('exit')];

/** What is known of the address of the last access, as `r mod m`. */
function known(...insns: Insn[]): string {
  const analysis = analyse(makeProgram([...insns, ...END]));
  return describeAddress(findAlignments(analysis)[insns.length - 1]!);
}

function describeAddress(value: number): string {
  const modulus = value >= 8 ? 8 : value >= 4 ? 4 : value >= 2 ? 2 : 1;
  return `${value - modulus} mod ${modulus}`;
}

const load = (base: number, offset = 0): Insn => insn('ldxdw', 0, base, offset);

describe('alignment', () => {
  it('arguments of the program are pointers to aligned objects', () => {
    expect(known(load(1, 8))).toBe('0 mod 8');
    expect(known(load(2, 13))).toBe('5 mod 8');
    expect(known(insn('add64_imm', 1, 0, 0, 14), load(1, 12))).toBe('2 mod 8');
    expect(known(insn('stdw', 3, 0, -3, 1))).toBe('5 mod 8');
  });

  it('the frame is aligned', () => {
    expect(known(load(10, -8))).toBe('0 mod 8');
    expect(known(insn('mov64_reg', 2, 10), insn('add64_imm', 2, 0, 0, -12), load(2))).toBe('4 mod 8');
  });

  it('an index ends what is presumed, unless it is scaled', () => {
    expect(known(insn('add64_reg', 1, 2), load(1))).toBe('0 mod 1');
    expect(known(insn('sub64_reg', 1, 2), load(1))).toBe('0 mod 1');
    expect(known(insn('lsh64_imm', 2, 0, 0, 3), insn('add64_reg', 1, 2), load(1, 4))).toBe('4 mod 8');
    expect(known(insn('lsh64_imm', 2, 0, 0, 1), insn('add64_reg', 1, 2), load(1, 4))).toBe('0 mod 2');
    expect(known(insn('mul64_imm', 2, 0, 0, 12), insn('add64_reg', 1, 2), load(1, 2))).toBe('2 mod 4');
    expect(known(insn('and64_imm', 2, 0, 0, -4), insn('add64_reg', 1, 2), load(1))).toBe('0 mod 4');
    expect(known(insn('mov64_reg', 3, 10), insn('add64_reg', 3, 2), load(3))).toBe('0 mod 1');
    expect(known(insn('ldxb', 2, 1), insn('add64_reg', 1, 2), load(1))).toBe('0 mod 1');
  });

  it('constants are known whatever is done with them', () => {
    const two = insn('mov64_imm', 2, 0, 0, 6);
    const at = (...insns: Insn[]): string => known(two, ...insns, insn('add64_reg', 1, 2), load(1));
    expect(at()).toBe('6 mod 8');
    expect(at(insn('neg64', 2))).toBe('2 mod 8');
    expect(at(insn('or64_imm', 2, 0, 0, 1))).toBe('7 mod 8');
    expect(at(insn('xor64_imm', 2, 0, 0, 3))).toBe('5 mod 8');
    expect(at(insn('and64_imm', 2, 0, 0, 3))).toBe('2 mod 8');
    expect(at(insn('mul64_reg', 2, 2))).toBe('4 mod 8');
    expect(at(insn('lsh64_imm', 2, 0, 0, 35))).toBe('0 mod 8');
    expect(at(insn('rsh64_imm', 2, 0, 0, 1))).toBe('0 mod 1');
    expect(at(insn('lsh64_reg', 2, 3))).toBe('0 mod 1');
    expect(at(insn('be16', 2))).toBe('0 mod 1');
  });

  it('loaded words may be pointers to aligned objects, bytes and signed numbers are not', () => {
    expect(known(insn('ldxdw', 2, 1), load(2, 4))).toBe('4 mod 8');
    expect(known(insn('ldxw', 2, 1), load(2))).toBe('0 mod 8');
    for (const name of ['ldxb', 'ldxh', 'ldxsw']) expect(known(insn(name, 2, 1), load(2))).toBe('0 mod 1');
  });

  it('values that wait in the frame keep what is known of them', () => {
    const spilled = [insn('add64_imm', 1, 0, 0, 3), insn('stxdw', 10, 1, -16), insn('ldxdw', 2, 10, -16)];
    expect(known(...spilled, load(2))).toBe('3 mod 8');
    expect(known(insn('stdw', 10, 0, -8, 5), insn('ldxdw', 2, 10, -8), load(2))).toBe('5 mod 8');
    // A part of it, something over it, and the address of the frame in other hands.
    expect(known(...spilled.slice(0, 2), insn('ldxw', 2, 10, -16), load(2))).toBe('0 mod 1');
    expect(known(...spilled.slice(0, 2), insn('stb', 10, 0, -13, 5), insn('ldxdw', 2, 10, -16), load(2))).toBe('0 mod 1');
    expect(known(...spilled.slice(0, 2), insn('stdw', 10, 0, -20, 5), insn('ldxdw', 2, 10, -16), load(2))).toBe('0 mod 1');
    expect(known(...spilled.slice(0, 2), insn('mov64_reg', 3, 10), insn('stxdw', 1, 3), insn('ldxdw', 2, 10, -16), load(2))).toBe('0 mod 1'); // prettier-ignore
  }); // prettier-ignore

  it('where paths meet, what both know remains', () => {
    const either = [insn('jeq64_imm', 2, 0, 1, 0), insn('add64_imm', 1, 0, 0, 4)];
    expect(known(...either, load(1, 8))).toBe('0 mod 4');
    expect(known(...either, load(1, 2))).toBe('2 mod 4');
    // A loop that goes on by 2.
    const loop = [insn('add64_imm', 1, 0, 0, 2), insn('jne64_imm', 2, 0, -2, 0), load(1)];
    expect(known(...loop)).toBe('0 mod 2');
  });

  it('calls leave nothing known but values that helpers look up', () => {
    expect(known(insn('call_helper', 0, 0, 0, 1), load(0, 4))).toBe('4 mod 8');
    expect(known(insn('call_helper', 0, 0, 0, 5), load(0))).toBe('0 mod 1');
    expect(known(insn('mov64_reg', 6, 1), insn('call_helper', 0, 0, 0, 5), load(6))).toBe('0 mod 8');
    expect(known(insn('atomic_fetch_add64', 1, 2), insn('add64_reg', 1, 2), load(1))).toBe('0 mod 1');
    expect(known(insn('atomic_cmpxchg64', 1, 2), load(0))).toBe('0 mod 1');
  });

  it('arguments of subprograms can be anything, and so can those of a program that calls itself', () => {
    const body = [insn('call_local', 0, 0, 0, 2), ...END, insn('ldxdw', 0, 1), ...END];
    const subprograms = [{ name: 'main', start: 0, end: 3 }, { name: 'f', start: 3, end: 6 }]; // prettier-ignore
    const options: ProgramInit = { subprograms };
    expect(describeAddress(findAlignments(analyse(makeProgram(body, options)))[3]!)).toBe('0 mod 1');
    expect(known(insn('ldxdw', 2, 1), insn('call_local', 0, 0, 0, -2), load(6))).toBe('0 mod 8');
    const recursive = analyse(makeProgram([insn('ldxdw', 2, 1), insn('call_local', 0, 0, 0, -2), ...END]));
    expect(describeAddress(findAlignments(recursive)[0]!)).toBe('0 mod 1');
  });

  it('a load and the byte swap behind it are one access, under the index of the swap', () => {
    expect(known(insn('ldxh', 2, 1, 2), insn('be16', 2))).toBe('2 mod 8');
    expect(known(insn('ldxh', 2, 1, 2), insn('be16', 3))).toBe('0 mod 1');
  });
});
