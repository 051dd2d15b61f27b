import { describe, expect, test } from 'vitest';
import { type Insn, jumpTarget, makeInsn, makeProgram, rowOf } from '@polybpf/isa';
import { captureProgram } from './capture.ts';
import { exitRegisters } from './exit-registers.ts';

const exit = makeInsn(0x95, 0, 0, 0, 0);
const mov = (dst: number, imm: number): Insn => makeInsn(0xb7, dst, 0, 0, imm);
const ja = (offset: number): Insn => makeInsn(0x05, 0, 0, offset, 0);
const jeq = (dst: number, offset: number): Insn => makeInsn(0x15, dst, 0, offset, 0);
const call = (distance: number): Insn => makeInsn(0x85, 0, 1, 0, distance);
const helper = (id: number): Insn => makeInsn(0x85, 0, 0, 0, id);

const NO_MEMORY = { resultFd: 9, input: { mapFd: undefined, size: 0 }, registers: 'r0' } as const;
const wrap = (insns: readonly Insn[], more: object = {}) =>
  captureProgram(makeProgram(insns), { ...NO_MEMORY, ...more });

describe('captureProgram', () => {
  test('every exit of the main function goes to the epilogue, which is the only one to exit', () => {
    const { insns, firstInsn, wrapped } = wrap([mov(0, 1), jeq(1, 1), exit, mov(0, 2), exit]);
    expect({ firstInsn, wrapped }).toEqual({ firstInsn: 2, wrapped: true });
    const epilogue = firstInsn + 5;
    for (const at of [2, 4]) {
      const insn = insns[firstInsn + at]!;
      expect(jumpTarget(rowOf(insn)!, insn, firstInsn + at)).toBe(epilogue);
    }
    expect(insns.flatMap((insn, i) => (insn.opcode === 0x95 ? [i] : []))).toEqual([insns.length - 1]);
  });

  test('calls and addresses of functions behind the main one move with them, calls among these do not', () => {
    const address = [makeInsn(0x18, 3, 4, 0, 5), makeInsn(0, 0, 0, 0, 0)]; // function at 7
    const program = [mov(0, 0), ...address, call(1), exit, call(1), exit, mov(0, 3), exit];
    const { insns, firstInsn } = wrap(program);
    const grown = insns.length - program.length;
    expect(insns[firstInsn + 1]!.imm).toBe(5 + grown - firstInsn);
    expect(insns[firstInsn + 3]!.imm).toBe(1 + grown - firstInsn);
    expect(insns[insns.length - 4]!.imm).toBe(1);
    expect(insns[insns.length - 1]).toEqual(exit);
  });

  test('a distant epilogue is reached by a long jump', () => {
    const body = Array.from({ length: 40000 }, () => mov(0, 0));
    const { insns, firstInsn } = wrap([jeq(1, 1), exit, ...body, exit]);
    expect(insns[firstInsn + 1]).toEqual(makeInsn(0x06, 0, 0, 0, 40001));
    expect(insns[firstInsn + 40002]).toEqual(ja(0));
  });

  test('memory comes from a map, the context stays where it is', () => {
    const memory = wrap([exit], { input: { mapFd: 7, size: 20 } });
    expect(memory.insns.slice(0, 3)).toEqual([makeInsn(0x18, 1, 2, 0, 7), makeInsn(0, 0, 0, 0, 0), mov(2, 20)]);
    expect(wrap([exit], { input: 'context' })).toMatchObject({ firstInsn: 0 });
  });

  test('malformed programs stay as they are, for the kernel to refuse', () => {
    const malformed: [string, Insn[]][] = [
      ['end is reached', [mov(0, 0)]],
      ['jump behind the end', [ja(1), exit]],
      ['jump before the start', [jeq(0, -3), exit]],
      ['half an ld_imm64', [exit, makeInsn(0x18, 0, 0, 0, 0)]],
      ['reserved field of exit', [makeInsn(0x95, 0, 0, 0, 1)]],
      ['unknown opcode', [makeInsn(0xff, 0, 0, 0, 0), exit]],
    ];
    for (const [name, insns] of malformed) {
      const outcome = wrap(insns);
      expect([name, outcome.wrapped, outcome.insns]).toEqual([name, false, insns]);
    }
  });
});

describe('exitRegisters', () => {
  const at = (insns: Insn[], start = [1, 2]): number[] =>
    exitRegisters(
      insns,
      insns.length,
      insns.flatMap((insn, i) => (insn.opcode === 0x95 ? [i] : [])),
      start,
    );

  test('what is set on every way', () => {
    expect(at([mov(0, 0), mov(6, 1), exit])).toEqual([0, 1, 2, 6]);
    expect(at([mov(0, 0), jeq(1, 1), mov(7, 1), exit])).toEqual([0, 1, 2]);
    expect(at([mov(0, 0), jeq(1, 2), mov(7, 1), exit, mov(7, 2), mov(8, 1), exit])).toEqual([0, 1, 2, 7]);
  });

  test('calls leave r1 to r5 undefined', () => {
    expect(at([mov(3, 0), mov(6, 0), helper(7), exit])).toEqual([0, 6]);
    expect(at([mov(6, 0), helper(7), mov(2, 0), exit])).toEqual([0, 2, 6]);
  });

  test('atomics that fetch set their source, compare-and-exchange sets r0', () => {
    const fetch = makeInsn(0xdb, 10, 4, -8, 0x01);
    const load = makeInsn(0xdb, 5, 10, -8, 0x100);
    expect(at([mov(0, 0), fetch, exit])).toEqual([0, 1, 2, 4]);
    expect(at([mov(0, 0), load, exit])).toEqual([0, 1, 2, 5]);
  });

  test('loops come to an end, unreachable exits do not count', () => {
    expect(at([mov(0, 0), mov(9, 1), jeq(9, -2), exit])).toEqual([0, 1, 2, 9]);
    expect(at([mov(0, 0), mov(6, 0), exit, exit])).toEqual([0, 1, 2, 6]);
  });
});
